//! Keeps beside a mount point what the service mounted there, for the next start.
//!
//! A helper writes it. It is read here, once in a process and only if something is mounted that nothing else explains.

use std::fs::File;
use std::io::Read;

use serde::{Deserialize, Serialize};
use storage_domain::{MountPoint, Revision};

use super::table::MountEntry;

/// Limit of a record in bytes: a page of mount options, and paths.
const MAX_BYTES: u64 = 32 * 1024;

/// A mount that the service made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Revision of the config that it was made for.
    pub(super) revision: Revision,
    /// The mount, as the table of mounts showed it then.
    pub(super) entry: MountEntry,
}

/// Reads the record of a mount point; `None` if there is none that can be understood.
pub(super) fn read(at: &MountPoint) -> Option<Record> {
    let mut text = Vec::new();
    let file = File::open(at.record()).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}
