//! The kernel's table of mounts (proc_pid_mountinfo(5)), which can be read without touching a mount.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

pub(super) const TABLE: &str = "/proc/self/mountinfo";
/// How many optional fields a line may have; the kernel writes four at most.
const MAX_OPTIONAL_FIELDS: usize = 16;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    /// The mount's number, unique among those that are there now.
    pub id: u32,
    /// Where it is mounted.
    pub at: PathBuf,
    /// The mount's own options, such as `ro,nosuid`.
    pub flags: String,
    /// The kind of file system.
    pub fstype: String,
    /// What is mounted, such as `10.0.0.5:/srv/images`.
    pub source: String,
    /// The file system's options, such as `rw,vers=4.1,addr=10.0.0.5`.
    pub options: String,
}

impl MountEntry {
    /// Whether the mount is NFS, of whatever version.
    pub fn is_nfs(&self) -> bool {
        matches!(self.fstype.as_str(), "nfs" | "nfs4")
    }

    /// Whether the mount's own options have this flag.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(',').any(|f| f == flag)
    }

    /// The value of a file system option; "" where it is there without a value.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.split(',').find_map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            (name == key).then_some(value)
        })
    }

    /// Whether the mount may be written to.
    pub fn is_read_write(&self) -> bool {
        self.has_flag("rw") && self.option("rw").is_some()
    }

    /// The source's host without brackets, and its path.
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

/// The mounts of this process's mount namespace, in the kernel's order: of two at one place, the later is on top.
///
/// # Errors
/// [`ErrorKind::MountTable`].
pub fn read() -> Result<Vec<MountEntry>, Error> {
    std::fs::read(TABLE)
        .map(|table| parse(&table))
        .map_err(|e| Error::new(ErrorKind::MountTable, "reading /proc/self/mountinfo").with_source(e))
}

/// The layers that are mounted at exactly this place, the topmost last.
///
/// # Errors
/// [`ErrorKind::MountTable`].
pub fn layers(at: &Path) -> Result<Vec<MountEntry>, Error> {
    let mut entries = read()?;
    entries.retain(|entry| entry.at == at);
    Ok(entries)
}

/// Parses a table; lines that are none are left out.
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

#[cfg(test)]
mod tests;
