//! Reads the kernel's table of mounts (proc_pid_mountinfo(5)), which touches no mount.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::{Error, ErrorKind};

pub(crate) const TABLE: &str = "/proc/self/mountinfo";
/// Limit of optional fields in a line; the kernel writes four at most.
const MAX_OPTIONAL_FIELDS: usize = 16;

/// Describes one mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountEntry {
    /// Mount id, unique among the mounts that exist now.
    pub id: u32,
    /// Mount point.
    pub at: PathBuf,
    /// Options of the mount, such as `ro,nosuid`.
    pub flags: String,
    /// Type of the file system.
    pub fstype: String,
    /// Source, such as `10.0.0.5:/srv/images`.
    pub source: String,
    /// Options of the file system, such as `rw,timeo=50,addr=10.0.0.5`.
    pub options: String,
}

impl MountEntry {
    /// Reports whether the options of the mount have this flag.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(',').any(|f| f == flag)
    }

    /// Returns the value of a file system option; "" if it has none.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.split(',').find_map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            (name == key).then_some(value)
        })
    }

    /// Reports whether the mount may be written to.
    pub fn is_read_write(&self) -> bool {
        self.has_flag("rw") && self.option("rw").is_some()
    }

    /// Returns the source's host without brackets, and its path.
    pub fn host_and_path(&self) -> Option<(&str, &str)> {
        match self.source.strip_prefix('[') {
            Some(rest) => rest.split_once("]:"),
            None => self.source.split_once(":/").map(|(host, _)| {
                let path = &self.source[host.len() + 1..];
                (host, path)
            }),
        }
    }
}

/// The mounts of this process's mount namespace, as they were at one moment, by mount point.
#[derive(Debug, Clone, Default)]
pub struct MountTable(HashMap<PathBuf, Vec<MountEntry>>);

impl MountTable {
    /// Reads the table.
    ///
    /// # Errors
    /// [`ErrorKind::MountTable`].
    pub fn read() -> Result<Self, Error> {
        Ok(Self::of(read()?))
    }

    fn of(entries: Vec<MountEntry>) -> Self {
        let mut layers: HashMap<_, Vec<_>> = HashMap::new();
        for entry in entries {
            layers.entry(entry.at.clone()).or_default().push(entry);
        }
        Self(layers)
    }

    /// Returns what is mounted at exactly this path, the topmost last.
    pub fn layers(&self, at: &Path) -> &[MountEntry] {
        self.0.get(at).map_or(&[], Vec::as_slice)
    }

    /// Returns all mount points, in no order.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

/// Reads the table in the kernel's order: of two mounts at one mount point, the later is on top.
pub(crate) fn read() -> Result<Vec<MountEntry>, Error> {
    std::fs::read(TABLE)
        .map(|table| parse(&table))
        .map_err(|e| Error::new(ErrorKind::MountTable, "reading the table of mounts").with_source(e))
}

/// Reads what is mounted at exactly this path, the topmost last.
///
/// # Errors
/// [`ErrorKind::MountTable`].
pub fn layers(at: &Path) -> Result<Vec<MountEntry>, Error> {
    let mut entries = read()?;
    entries.retain(|entry| entry.at == at);
    Ok(entries)
}

/// Parses a table and leaves out malformed lines.
pub fn parse(table: &[u8]) -> Vec<MountEntry> {
    table.split(|b| *b == b'\n').filter_map(entry).collect()
}

fn entry(line: &[u8]) -> Option<MountEntry> {
    let mut fields = line.split(|b| *b == b' ');
    let id = text(fields.next()?).parse().ok()?;
    let (_parent, _device, _root) = (fields.next()?, fields.next()?, fields.next()?);
    let at = PathBuf::from(OsString::from_vec(unescape(fields.next()?)));
    let flags = text(fields.next()?);
    // Optional fields follow, up to a lone hyphen.
    fields.by_ref().take(MAX_OPTIONAL_FIELDS).find(|f| *f == b"-")?;
    Some(MountEntry {
        id,
        at,
        flags,
        fstype: text(fields.next()?),
        source: text(fields.next()?),
        options: text(fields.next()?),
    })
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(field)).into_owned()
}

/// Undoes the kernel's escapes: a backslash and three octal digits for blanks, line breaks, backslashes and `#`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail.get(..3).filter(|_| first == b'\\').and_then(octal);
        out.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[3..] } else { tail };
    }
    out
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|d| *d < 8)?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

/// Announces changes of the table of mounts (proc_pid_mounts(5)).
#[derive(Debug)]
pub struct MountWatch {
    table: AsyncFd<File>,
}

impl MountWatch {
    /// Begins to watch this process's mount namespace, on the current runtime.
    ///
    /// # Errors
    /// The error of open(2) or epoll_ctl(2) on `/proc/self/mountinfo`.
    pub fn open() -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may close their descriptor early; a file keeps it"
        )]
        let table = AsyncFd::with_interest(File::open(TABLE)?, Interest::PRIORITY)?;
        Ok(Self { table })
    }

    /// Waits for a change since the last call; several changes may count as one.
    ///
    /// # Errors
    /// The runtime is about to end.
    /// # Cancel safety
    /// Dropping the future loses no change.
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut ready = self.table.ready(Interest::PRIORITY).await?;
        ready.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
