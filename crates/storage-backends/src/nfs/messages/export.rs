//! Messages of the check `exports`.

use std::fmt;

use storage_domain::{ExportPath, NfsConfig};

use super::{NotMountable, joined};
use crate::net::ConnectError;
use crate::nfs::exports::{Export, ExportList, NoExportList, V4Path};

/// How many exports a message names.
pub(super) const NEAREST: usize = 3;

/// What is known of the export before it is mounted.
#[derive(Debug)]
pub(in crate::nfs) enum Listing {
    /// The server lists it, or a directory above it.
    Listed {
        export: Export,
        /// The paths that NFSv4 may have for it.
        v4_paths: Vec<V4Path>,
    },
    /// It is above directories that the server lists.
    Above,
    /// The server's list does not have it.
    NotListed {
        /// The exports that it may have been meant to be.
        nearest: Vec<ExportPath>,
        /// Whether the list has others.
        more: bool,
        /// The export that NFSv4 may have under this path.
        alias: Option<ExportPath>,
    },
    /// The server lists more exports than are read.
    Truncated,
    /// There is no list.
    NotAvailable(NoExportList),
    /// The server can't be reached at all.
    Unreachable(ConnectError),
}

impl Listing {
    pub(in crate::nfs) fn not_listed(wanted: &ExportPath, list: &ExportList, speaks_v4: bool) -> Self {
        let nearest: Vec<_> = list
            .nearest(wanted, NEAREST)
            .into_iter()
            .map(|e| e.path.clone())
            .collect();
        Self::NotListed {
            more: list.exports.len() > nearest.len(),
            alias: list.v4_alias(wanted).filter(|_| speaks_v4),
            nearest,
        }
    }

    /// Reports whether NFSv4 may have the export under this path, although the list has another.
    pub(in crate::nfs) fn has_alias(&self) -> bool {
        matches!(self, Self::NotListed { alias: Some(_), .. })
    }

    /// Returns the message for a config.
    pub(in crate::nfs) fn message(&self, config: &NfsConfig) -> impl fmt::Display {
        fmt::from_fn(move |f| self.write(f, config))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, config: &NfsConfig) -> fmt::Result {
        let (server, path) = (&config.server, &config.export_path);
        match self {
            Self::Listed { export, .. } => {
                write!(f, "The server exports {}", export.path)?;
                if !export.clients.is_empty() {
                    write!(f, " to {}", export.clients)?;
                }
                if path.normalized() != export.path.normalized() {
                    write!(f, ", which contains {path}")?;
                }
                Ok(())
            }
            Self::Above => write!(
                f,
                "{path} contains directories that the server exports, and NFSv4 can mount it"
            ),
            Self::NotListed { nearest, .. } if nearest.is_empty() => write!(
                f,
                "{server} does not export {path}, because its export list is empty. Export the directory there"
            ),
            Self::NotListed { nearest, more, .. } => {
                let among = if *more { ", among others" } else { "" };
                write!(
                    f,
                    "{server} does not export {path}. Set export_path to a directory that it exports: {}{among}",
                    joined(nearest)
                )
            }
            Self::Truncated => f.write_str("The server lists more exports than are read; the mount decides"),
            Self::NotAvailable(why) => write!(f, "{why}"),
            Self::Unreachable(error) => {
                write!(
                    f,
                    "The NFS server {server} can't be reached: {}",
                    error.sentence("server")
                )
            }
        }
    }
}

/// The export is mounted, although the server does not list it.
pub(in crate::nfs) struct ServedUnlisted<'a> {
    pub(in crate::nfs) path: &'a ExportPath,
    pub(in crate::nfs) listing: &'a Listing,
}

impl fmt::Display for ServedUnlisted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, listing } = self;
        write!(
            f,
            "The server's export list does not have {path}, but the server serves it over NFSv4"
        )?;
        match listing {
            Listing::NotListed {
                alias: Some(alias), ..
            } => write!(f, ", probably for {alias}"),
            _ => Ok(()),
        }
    }
}

/// The list does not decide, and this process can't mount.
pub(in crate::nfs) struct Unproved<'a> {
    pub(in crate::nfs) listing: &'a Listing,
    pub(in crate::nfs) config: &'a NfsConfig,
    pub(in crate::nfs) reason: NotMountable,
}

impl fmt::Display for Unproved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Whether {} exports {} can't be determined, because {}",
            self.config.server, self.config.export_path, self.reason
        )?;
        match self.listing {
            Listing::NotListed {
                alias: Some(alias), ..
            } => write!(
                f,
                ". Its export list does not have this path, but it has {alias}, which NFSv4 may serve under this path"
            ),
            listing => write!(
                f,
                ", and because there is no export list to read: {}",
                listing.message(self.config)
            ),
        }
    }
}

/// The summary of a probe that found the export and can't mount it.
pub(in crate::nfs) struct ExportedOnly<'a> {
    pub(in crate::nfs) config: &'a NfsConfig,
    pub(in crate::nfs) reason: NotMountable,
}

impl fmt::Display for ExportedOnly<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, path) = (&self.config.server, &self.config.export_path);
        write!(
            f,
            "{server} exports {path}; it is not mounted, because {}",
            self.reason
        )
    }
}
