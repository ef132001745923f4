//! Messages of the checks: findings as types, whose `Display` is the text.

mod explanation;
mod export;
mod mount;

use std::fmt;

use storage_domain::Host;

pub(super) use self::explanation::Explanation;
pub(super) use self::export::{ExportedOnly, Listing, ServedUnlisted, Unproved};
pub(super) use self::mount::{Measured, Mounted, NotReadable, Summary, Warning, not_measured, not_mounted};
use crate::net::Permitted;

/// The addresses of the server.
pub(super) struct Resolved<'a> {
    pub(super) server: &'a Host,
    pub(super) addrs: &'a [Permitted],
}

impl fmt::Display for Resolved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, addrs } = self;
        if server.literal().is_some() {
            return write!(f, "{server} is an address");
        }
        write!(f, "{server} is {}", joined(addrs))
    }
}

/// Why a check was not made.
#[derive(Debug, Clone, Copy)]
pub(super) enum NotChecked {
    NoAddress,
    Unreachable,
    NotExported,
    NotMounted,
    /// A quick check asks the mount alone.
    StillMounted,
    NotMountable(NotMountable),
}

impl fmt::Display for NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Not checked, because ")?;
        match self {
            Self::NoAddress => f.write_str("the server has no address"),
            Self::Unreachable => f.write_str("the server can't be reached"),
            Self::NotExported => f.write_str("the server does not export the directory"),
            Self::NotMounted => f.write_str("the export is not mounted"),
            Self::StillMounted => f.write_str("the export is still mounted and answers"),
            Self::NotMountable(reason) => reason.fmt(f),
        }
    }
}

/// Why this process can't mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotMountable {
    SwitchedOff,
    NoCapability,
}

impl fmt::Display for NotMountable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SwitchedOff => "mounting is switched off in this service",
            Self::NoCapability => "this service may not mount (it lacks the capability CAP_SYS_ADMIN)",
        })
    }
}

fn joined(names: &[impl fmt::Display]) -> String {
    names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
