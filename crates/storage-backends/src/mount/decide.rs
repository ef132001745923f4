//! Decides what becomes of a mount, from the table of mounts and from what the service remembers.

use std::time::Duration;

use nix::errno::Errno;
use tokio::time::Instant;

use super::record::Record;
use super::spec::{MountSpec, is_among};
use super::table::MountEntry;
use crate::backend::UnmountMode;
use crate::net::Permitted;

/// Time for which a mount has to fail in the same way, while its server accepts connections, before it is replaced.
const PATIENCE: Duration = Duration::from_mins(5);

/// What the service remembers of a mount point.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// The mount that the service made.
    pub(super) made: Option<Record>,
    /// Whether the record of an earlier process was read.
    pub(super) recalled: bool,
    /// Whether the mount was there at the last look, and the service did not take it away since.
    pub(super) was_mounted: bool,
    /// How the mount fails while its server accepts connections, and since when.
    failing: Option<(Failure, Instant)>,
}

impl Memory {
    /// Notes how a call on the mount ended.
    pub(super) fn note(&mut self, seen: &Seen<'_>) {
        self.failing = match (seen.failure, self.failing) {
            (Some(failure), Some((before, since))) if seen.connects && failure == before => {
                Some((failure, since))
            }
            (Some(failure), _) if seen.connects => Some((failure, seen.now)),
            _ => None,
        };
    }

    /// Forgets that the mount fails: it answers, it is a new one, or its server can't be reached.
    pub(super) fn forget_failure(&mut self) {
        self.failing = None;
    }
}

/// Says why a mount did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It did not within the time limit.
    Timeout,
    /// The kernel's error number, which the C library need not know.
    Kernel(i32),
}

/// What was seen of a mount and its server besides the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// How the last call on the mount failed, if it was made and failed.
    pub(super) failure: Option<Failure>,
    /// Whether the server accepted a new connection just now.
    pub(super) connects: bool,
    /// The server's addresses, as far as they are known.
    pub(super) addrs: &'a [Permitted],
    pub(super) now: Instant,
}

/// What becomes of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision<'a> {
    /// It is the service's own, and stays.
    Adopt(&'a MountEntry),
    /// Nothing is mounted: mount.
    Mount {
        /// Whether somebody else took the mount away.
        again: bool,
    },
    /// Unmount what is there, then mount.
    Replace(Reason),
}

/// Says why a mount is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is not the one that the service made for this revision of the config, or there are several.
    Foreign,
    /// It is of no use any more.
    Dead,
    /// It does not answer, and the server's name means other addresses now.
    Moved,
}

impl Reason {
    pub(super) fn mode(self) -> UnmountMode {
        match self {
            Self::Foreign => UnmountMode::Lazy,
            Self::Dead | Self::Moved => UnmountMode::Dead,
        }
    }
}

/// Decides what becomes of the layers at a mount point, the topmost last.
///
/// A failure that may pass replaces no mount, because other programs use it: a server that does not answer in time may
/// come back.
pub(super) fn decide<'a>(
    layers: &'a [MountEntry],
    spec: &MountSpec,
    memory: &Memory,
    seen: &Seen<'_>,
) -> Decision<'a> {
    let only = match layers {
        [] => {
            return Decision::Mount {
                again: memory.was_mounted,
            };
        }
        [only] if is_own(only, spec, memory) => only,
        _ => return Decision::Replace(Reason::Foreign),
    };
    let has_lasted = memory.failing.is_some_and(|(failure, since)| {
        seen.connects && seen.failure == Some(failure) && seen.now.duration_since(since) >= PATIENCE
    });
    let errno = match seen.failure {
        Some(Failure::Kernel(errno)) => Some(Errno::from_raw(errno)),
        Some(Failure::Timeout) | None => None,
    };
    match errno {
        Some(Errno::ESTALE | Errno::EACCES | Errno::ENODEV) => Decision::Replace(Reason::Dead),
        Some(Errno::EIO) if has_lasted => Decision::Replace(Reason::Dead),
        _ if has_lasted && is_elsewhere(only, seen.addrs) => Decision::Replace(Reason::Moved),
        _ => Decision::Adopt(only),
    }
}

/// Reports whether a mount is the one that the service made for this revision, and still as it was made.
///
/// The kernel uses mount ids again at once, so that the source and the options have to be the same too. The flags need
/// not be: an administrator may have changed how access times are kept.
fn is_own(entry: &MountEntry, spec: &MountSpec, memory: &Memory) -> bool {
    memory.made.as_ref().is_some_and(|made| {
        let as_made = MountEntry {
            flags: entry.flags.clone(),
            ..made.entry.clone()
        };
        made.revision == spec.revision && as_made == *entry && spec.accepts(entry)
    })
}

/// Reports whether the server's name no longer means the address that a mount uses.
fn is_elsewhere(entry: &MountEntry, addrs: &[Permitted]) -> bool {
    let addr = entry.option("addr");
    !addrs.is_empty() && addr.is_some_and(|addr| !is_among(addr, addrs))
}

#[cfg(test)]
mod tests;
