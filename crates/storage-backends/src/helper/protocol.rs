//! Messages between the service and a helper: one line of JSON each.

use std::ffi::{OsString, c_ulong};
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage_domain::Capacity;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::holders::Holders;
use crate::scan::ScanReport;

/// Limit of a message in bytes: a page of mount options for each attempt, and paths.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// A call that a helper makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// Make the mount point and mount.
    Mount(MountCall),
    /// Write what is known of a mount into a file.
    Record {
        file: PathBuf,
        content: serde_json::Value,
    },
    /// Unmount the topmost mount of a place.
    Unmount(UnmountCall),
    /// Remove a mount point on which nothing is mounted.
    Remove { place: OsString },
    /// Remove every such mount point of a mount directory.
    Sweep { dir: PathBuf },
    /// Find the processes that keep a mount in use.
    Holders(HoldersCall),
    /// Read the capacity of a file system.
    Statfs { path: PathBuf },
    /// Check whether the first files of a directory can be read.
    Access { path: PathBuf },
    /// Count the files below a directory.
    Scan(ScanCall),
}

/// Arguments of mount(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MountCall {
    /// Type of the file system.
    pub(crate) fstype: String,
    /// Source, such as `host:/path`.
    pub(crate) source: String,
    /// Mount point, which is made; it may exist if it is empty.
    pub(crate) target: PathBuf,
    /// Flags besides those that are always set.
    pub(crate) flags: c_ulong,
    /// Options to try, in this order, until the server takes some.
    pub(crate) attempts: Vec<Attempt>,
}

/// One set of mount options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Name in messages, such as that of a version.
    pub(crate) label: String,
    /// What the server may serve or refuse as a whole, such as a major version.
    pub(crate) family: String,
    /// Options, the address included.
    pub(crate) data: String,
}

/// Arguments of umount2(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnmountCall {
    /// Mount point, whose name need not be UTF-8: another program may have made it.
    pub(crate) place: OsString,
    /// Treatment of a mount that is in use.
    pub(crate) way: UnmountWay,
}

/// Search for the processes that keep a mount in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldersCall {
    /// Mount point.
    pub(crate) place: OsString,
    /// Mount id.
    pub(crate) mount: u32,
}

/// Treatment of a mount that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnmountWay {
    /// Refuse.
    Plain,
    /// End the calls that wait for the server (`MNT_FORCE`).
    Force,
    /// Detach the mount (`MNT_DETACH`).
    Detach,
}

/// Count of the files below a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanCall {
    /// Directory.
    pub root: PathBuf,
    /// Extensions of images.
    pub templates: Vec<String>,
    /// Names of directories that are not counted.
    pub ignored: Vec<String>,
    /// Whether the sizes of files are added up.
    pub bytes: bool,
    /// Memory that the helper may write to, in bytes.
    pub max_memory: u64,
}

impl ScanCall {
    /// The default of [`max_memory`](Self::max_memory): a hostile tree must not take the host's memory.
    pub const MAX_MEMORY: u64 = 256 * 1024 * 1024;
}

/// An answer of a helper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Count so far; more answers follow.
    Progress { files: u64, directories: u64 },
    /// The mount is made.
    Mounted,
    /// The file is written.
    Recorded,
    /// The mount is gone.
    Unmounted,
    /// The empty mount points are gone.
    Removed,
    /// Processes that keep the mount in use.
    Holders(Holders),
    /// Capacity of the file system.
    Capacity(Capacity),
    /// What can't be read.
    Readable(Option<Unreadable>),
    /// Count of files.
    Scanned(ScanReport),
    /// The call failed.
    Failed(CallFailure),
}

/// Says what of a directory this process may not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unreadable {
    /// The directory itself.
    Root,
    /// All of the files and directories in it that were tried.
    All,
    /// Some of them.
    Some,
}

/// Names the call that failed, and the error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallFailure {
    /// Name of the call.
    pub(crate) step: Step,
    /// Error number (errno(3)).
    pub(crate) errno: i32,
    /// Label of the attempt, if it was a mount.
    pub(crate) label: Option<String>,
}

/// Calls that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Making the mount point.
    MountPoint,
    /// mount(2).
    Mount,
    /// Writing what is known of a mount.
    Record,
    /// umount2(2).
    Unmount,
    /// Removing a mount point.
    Remove,
    /// Search for the processes that keep a mount in use.
    Holders,
    /// statvfs(3).
    Statfs,
    /// faccessat2(2).
    Access,
    /// Reading the root of a scan.
    Scan,
    /// openat2(2).
    Open,
    /// statx(2).
    Stat,
    /// getdents64(2).
    List,
    /// splice(2) or pread(2).
    Read,
    /// pwrite(2).
    Write,
    /// fsync(2) or close(2).
    Sync,
    /// fchmod(2).
    Mode,
    /// mkdirat(2).
    MakeDirectory,
    /// unlinkat(2).
    Delete,
    /// renameat(2) or linkat(2).
    Rename,
}

impl Step {
    /// Returns the call's name for messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MountPoint => "making the mount point",
            Self::Mount => "mount",
            Self::Record => "recording the mount",
            Self::Unmount => "umount",
            Self::Remove => "removing the mount point",
            Self::Holders => "looking for processes",
            Self::Statfs => "statfs",
            Self::Access => "access",
            Self::Scan | Self::List => "reading the directory",
            Self::Open => "open",
            Self::Stat => "stat",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "fsync",
            Self::Mode => "chmod",
            Self::MakeDirectory => "mkdir",
            Self::Delete => "delete",
            Self::Rename => "rename",
        }
    }
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Encodes a message as a line.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if it is longer than [`MAX_MESSAGE_BYTES`].
pub(crate) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() > MAX_MESSAGE_BYTES {
        return Err(invalid("the message is too long"));
    }
    Ok(line)
}

fn decode<T: DeserializeOwned>(line: &[u8], max: usize) -> io::Result<T> {
    if line.len() > max {
        return Err(invalid("the message is too long"));
    }
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(line).map_err(|_| invalid("the message is malformed"))
}

/// Reads a message in the helper; `None` at the end of the input.
pub(crate) fn read<T: DeserializeOwned>(input: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let mut input = input.take(MAX_MESSAGE_BYTES as u64 + 1);
    if input.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    decode(&line, MAX_MESSAGE_BYTES).map(Some)
}

/// Writes a message in the helper.
pub(crate) fn write<T: Serialize>(output: &mut impl Write, message: &T) -> io::Result<()> {
    output.write_all(&encode(message)?)?;
    output.flush()
}

/// Reads a message in the service; the end of the input is an error.
pub(super) async fn receive<T: DeserializeOwned>(input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<T> {
    receive_within(input, MAX_MESSAGE_BYTES).await
}

/// Reads a message of at most `max` bytes in the service; the end of the input is an error.
pub(super) async fn receive_within<T: DeserializeOwned>(
    input: &mut (impl AsyncBufRead + Unpin),
    max: usize,
) -> io::Result<T> {
    let mut line = Vec::new();
    let mut input = input.take(max as u64 + 1);
    input.read_until(b'\n', &mut line).await?;
    decode(&line, max)
}

#[cfg(test)]
mod tests;
