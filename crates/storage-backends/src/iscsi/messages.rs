//! Messages of the checks: findings as types, whose `Display` is the text.

mod failure;
mod login;
mod trouble;

use std::fmt;
use std::net::SocketAddr;

use storage_domain::ByteCount;
use storage_domain::iscsi::InitiatorName;

pub(crate) use failure::{Failure, Moved};
pub(crate) use login::Login;
pub(crate) use trouble::Trouble;

/// How many targets a message names.
const SHOWN: usize = 5;

/// The names of targets, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let plain = |name: &str| name.chars().filter(|c| !c.is_control()).collect();
        Self(names.map(plain).collect())
    }

    /// Whether the target is one of them; names of targets have no case (RFC 7143, section 4.2.7.2).
    pub(crate) fn contain(&self, iqn: &str) -> bool {
        self.0.iter().any(|name| name.eq_ignore_ascii_case(iqn))
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[..self.0.len().min(SHOWN)].join(", "))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", {more} more"),
        }
    }
}

/// The finding of a check that did not fail on the way to the target.
#[derive(Debug)]
pub(crate) enum Finding {
    /// The addresses of the portal, and its name if it has one.
    Resolved {
        name: Option<String>,
        addresses: Vec<String>,
    },
    Connected(SocketAddr),
    /// The portal offers these targets.
    Offered(Names),
    NothingOffered(InitiatorName),
    /// The portal answers, and the target of the config is one of `offered`, or not.
    Chosen {
        iqn: String,
        offered: Names,
    },
    /// The portal refuses the discovery.
    NotDiscovered {
        iqn: String,
        failure: Failure,
    },
    /// The portal does not have the target of the config.
    NoTarget {
        iqn: String,
        offered: Names,
        initiator: InitiatorName,
        /// It is out of service, if it exists.
        out_of_service: bool,
    },
    LoggedIn(LoggedIn),
    NoUnits,
    Units {
        ready: usize,
        trouble: Option<Trouble>,
    },
    Sizes {
        bytes: ByteCount,
        units: usize,
        trouble: Option<Trouble>,
    },
    Trouble(Trouble),
    Failure(Failure),
}

impl Finding {
    /// Returns what is wrong with some of the units, although others can be used.
    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Units { trouble, .. } | Self::Sizes { trouble, .. } => trouble.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolved { name: Some(name), addresses } => write!(f, "{name} is {}", addresses.join(", ")),
            Self::Resolved { name: None, addresses } => write!(f, "{} is an address", addresses.join(", ")),
            Self::Connected(at) => write!(f, "Connected to {at}"),
            Self::Offered(names) if names.0.len() == 1 => write!(f, "The portal offers one target, {names}"),
            Self::Offered(names) => write!(f, "The portal offers {} targets: {names}", names.0.len()),
            Self::NothingOffered(initiator) => write!(
                f,
                "The portal offers no target to this initiator. Set a target up, and allow {initiator} and the \
                 address of this host in its access list"
            ),
            Self::Chosen { iqn, offered } if offered.contain(iqn) => match offered.0.len() - 1 {
                0 => write!(f, "The portal offers {iqn}"),
                more => write!(f, "The portal offers {iqn}, and {more} more"),
            },
            Self::Chosen { iqn, offered } if offered.0.is_empty() => {
                write!(f, "The portal offers no target; the login tries {iqn}")
            }
            Self::Chosen { iqn, .. } => write!(f, "The portal does not offer {iqn}; the login tries it"),
            Self::NotDiscovered { iqn, failure } => write!(f, "{failure}; the login tries {iqn} without a discovery"),
            Self::NoTarget { iqn, offered, initiator, out_of_service } => {
                no_target(f, iqn, offered, (!out_of_service).then_some(initiator))
            }
            Self::LoggedIn(logged_in) => logged_in.fmt(f),
            Self::NoUnits => f.write_str(
                "The target has no disk for this initiator. Give it a logical unit, and allow this initiator in the \
                 access list of the unit",
            ),
            Self::Units { ready, trouble } => with(f, format_args!("{} found", Units(*ready)), trouble.as_ref()),
            Self::Sizes { bytes, units, trouble } => {
                with(f, format_args!("{bytes} in {}", Units(*units)), trouble.as_ref())
            }
            Self::Trouble(trouble) => trouble.fmt(f),
            Self::Failure(failure) => failure.fmt(f),
        }
    }
}

fn no_target(
    f: &mut fmt::Formatter<'_>,
    iqn: &str,
    offered: &Names,
    hidden_from: Option<&InitiatorName>,
) -> fmt::Result {
    let offers = if offered.0.is_empty() {
        "none".to_owned()
    } else {
        offered.to_string()
    };
    match hidden_from {
        Some(initiator) => write!(
            f,
            "The portal has no target {iqn} for this initiator. Check iqn (it offers {offers}), and allow {initiator} and the \
             address of this host in the access list of the target"
        ),
        None => write!(
            f,
            "The portal has no target {iqn} in service. Check iqn (it offers {offers}), and whether the target is switched on"
        ),
    }
}

fn with(
    f: &mut fmt::Formatter<'_>,
    text: fmt::Arguments<'_>,
    more: Option<&impl fmt::Display>,
) -> fmt::Result {
    match more {
        Some(more) => write!(f, "{text}. {more}"),
        None => f.write_fmt(text),
    }
}

/// What a probe in which nothing failed has found.
pub(crate) struct Summary {
    pub(crate) targets: usize,
    pub(crate) units: usize,
    pub(crate) total: ByteCount,
}

/// `{:#}` leaves the size out, which may change.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.targets == 1 { "" } else { "s" };
        write!(
            f,
            "{} target{plural} with {} can be used",
            self.targets,
            Units(self.units)
        )?;
        if f.alternate() {
            return Ok(());
        }
        write!(f, ", {}", self.total)
    }
}

/// A number of logical units.
struct Units(usize);

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} logical unit{plural}", self.0)
    }
}

/// The targets that admit this initiator.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    /// How many do.
    pub(crate) count: usize,
    /// How many there are.
    pub(crate) all: usize,
    /// The target, if there is only one.
    pub(crate) only: Option<(Login, Option<Moved>)>,
    /// Why the first of the others does not.
    pub(crate) failure: Option<Failure>,
    /// How many targets a probe logs in to.
    pub(crate) limit: usize,
}

impl fmt::Display for LoggedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count, all, limit, ..
        } = self;
        match &self.only {
            Some((login, None)) => write!(f, "Logged in to {} at {}", login.name(), login.at)?,
            Some((login, Some(Moved { to, permanent: false }))) => {
                write!(
                    f,
                    "Logged in to {} at {to}, where the portal sends sessions for now",
                    login.name()
                )?;
            }
            Some((login, Some(Moved { to, permanent: true }))) => write!(
                f,
                "Logged in to {} at {to}, where the target has moved permanently. Set target to it",
                login.name()
            )?,
            None if count == all => write!(f, "Logged in to all {all} targets")?,
            None => write!(f, "Logged in to {count} of {all} targets")?,
        }
        if let Some(failure) = &self.failure {
            write!(f, ". {failure}")?;
        }
        if all > limit {
            write!(f, ". A probe logs in to {limit} targets at most")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_not_part_of_the_identity() {
        let summary = |total| Summary {
            targets: 1,
            units: 2,
            total: ByteCount::saturating(total),
        };
        assert_eq!(format!("{:#}", summary(1)), format!("{:#}", summary(2)));
        assert_ne!(summary(1).to_string(), summary(2).to_string());
    }
}
