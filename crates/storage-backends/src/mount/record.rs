//! Keeps beside a mount point what the service mounted there, for the next start.
//!
//! A helper writes it, in place: if it is killed meanwhile, the beginning of a record is there, which is no JSON object and
//! counts as none. It is read here, once in a process and only if something is mounted that nothing else explains.

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

#[cfg(test)]
mod tests {
    use storage_domain::BackendId;

    use super::super::table;
    use super::*;

    #[test]
    fn a_record_that_breaks_off_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let at = MountPoint::new(dir.path(), BackendId::generate());
        let line = b"36 25 0:32 / /run/mounts/x ro,nosuid shared:1 - nfs4 nas:/srv/a\\040b ro,vers=4.2,addr=10.0.0.5";
        let record = Record {
            revision: Revision::FIRST,
            entry: table::parse(line).remove(0),
        };
        let text = serde_json::to_vec(&record).unwrap();
        for length in 0..text.len() {
            std::fs::write(at.record(), &text[..length]).unwrap();
            assert_eq!(read(&at), None, "{length} bytes");
        }
        std::fs::write(at.record(), &text).unwrap();
        assert_eq!(read(&at), Some(record));
    }
}
