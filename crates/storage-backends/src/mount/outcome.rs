//! Says how a mount was ensured.

use std::time::Duration;

use storage_domain::Capacity;
use tokio::time::Instant;

pub(crate) use super::decide::Failure;
use super::decide::Seen;
use super::table::MountEntry;
use crate::helper::protocol::CallFailure;
use crate::net::Permitted;

/// The server of a mount, as it was found before the mount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server<'a> {
    /// Its addresses.
    pub(crate) addrs: &'a [Permitted],
    /// Whether it accepted a new connection just now.
    pub(crate) connects: bool,
}

/// How a mount came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there.
    Kept,
    /// It was made now.
    Made,
    /// It was made now, because somebody else had taken it away.
    Restored,
    /// It was made now in place of one that was dead.
    Replaced,
}

/// Says why nothing is mounted.
#[derive(Debug, Clone)]
pub(crate) enum NotMounted {
    /// Mounts of other backends went on for too long.
    NoPermit,
    /// The mount did not end in time.
    Hung(Duration),
    /// A call failed.
    Failed(CallFailure),
    /// The server referred the kernel to another one, whose mount this was.
    Referred(MountEntry),
    /// The mount was not what was asked for.
    Otherwise,
}

/// How a mount was ensured.
#[derive(Debug)]
pub(crate) struct Ensured {
    /// The mount, and how it came to be there.
    pub(crate) mounted: Result<(MountEntry, Origin), NotMounted>,
    /// The time until it was mounted.
    pub(crate) took: Duration,
    /// How full it is, if it is mounted.
    pub(crate) measured: Option<Result<Capacity, Unmeasured>>,
}

/// Says why a mount did not say how full it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unmeasured {
    pub(crate) failure: Failure,
    /// The time that it had.
    pub(crate) limit: Duration,
}

impl<'a> Server<'a> {
    pub(super) fn seen(self, failure: Option<Failure>) -> Seen<'a> {
        Seen {
            failure,
            connects: self.connects,
            addrs: self.addrs,
            now: Instant::now(),
        }
    }
}

impl Ensured {
    pub(super) fn not(mounted: Result<(MountEntry, Origin), NotMounted>, took: Duration) -> Self {
        Self {
            mounted,
            took,
            measured: None,
        }
    }
}
