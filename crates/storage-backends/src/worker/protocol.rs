//! What goes over a worker's pipe: frames of a length and a JSON text.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage_domain::Capacity;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::holders::Holders;
use crate::scan::ScanReport;

/// The longest frame, in bytes: a page of mount options for each version of NFS, and paths, with room to spare.
pub(crate) const MAX_FRAME_BYTES: usize = 64 * 1024;
const LENGTH_BYTES: usize = 4;

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// Makes the mount point and mounts.
    Mount(MountCall),
    /// Takes the topmost mount off a place.
    Unmount(UnmountCall),
    /// Removes a mount point on which nothing is mounted.
    Remove { place: OsString },
    /// Removes every such mount point of a mount directory.
    Sweep { dir: PathBuf },
    /// Finds the processes that keep a mount in use.
    Holders(HoldersCall),
    /// Reads how full a file system is.
    Statfs { path: PathBuf },
    /// Counts the files below a directory.
    Scan(ScanCall),
}

/// A mount, as mount(2) takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MountCall {
    /// `host:/path`.
    pub(crate) source: String,
    /// The mount point, which is made; it may be there if it is empty.
    pub(crate) target: PathBuf,
    /// The flags besides those that are always set.
    pub(crate) flags: u64,
    /// What to try, one after the other, for as long as the server says that it does not speak that version.
    pub(crate) attempts: Vec<Attempt>,
}

/// One set of options to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// The version of NFS, such as `4.1`.
    pub(crate) version: String,
    /// The options, version and address included.
    pub(crate) data: String,
}

/// An unmount, as umount2(2) takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnmountCall {
    /// The place, whose name need not be UTF-8: somebody else may have mounted there.
    pub(crate) place: OsString,
    /// What is done where the mount is in use.
    pub(crate) way: UnmountWay,
}

/// A search for the processes that keep a mount in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldersCall {
    /// Where it is mounted.
    pub(crate) place: OsString,
    /// The mount's number.
    pub(crate) mount: u32,
}

/// How hard umount2(2) tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnmountWay {
    /// Not at all where the mount is in use.
    Plain,
    /// Ends the calls that wait for the server.
    Force,
    /// Detaches a mount that is in use.
    Detach,
}

/// A scan of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScanCall {
    /// The directory.
    pub(crate) root: PathBuf,
    /// The endings of images.
    pub(crate) templates: Vec<String>,
    /// Whether the files' sizes are added up.
    pub(crate) bytes: bool,
}

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// What a scan has counted so far; more replies follow.
    Progress { files: u64, directories: u64 },
    /// The mount is there.
    Mounted,
    /// The mount is gone, and the server has heard of it where it was told.
    Unmounted,
    /// The mount points are gone, as far as they were empty.
    Removed,
    /// Who keeps the mount in use.
    Holders(Holders),
    /// How full the file system is.
    Capacity(Capacity),
    /// What the scan counted.
    Scanned(ScanReport),
    /// The kernel said no.
    Failed(CallFailure),
}

/// Which call failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallFailure {
    /// The call.
    pub(crate) step: Step,
    /// The kernel's error number.
    pub(crate) errno: i32,
    /// The version of NFS that was tried, where it was a mount.
    pub(crate) version: Option<String>,
}

/// The calls that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Making the mount point.
    MountPoint,
    /// mount(2).
    Mount,
    /// umount2(2).
    Unmount,
    /// Removing a mount point.
    Remove,
    /// Looking for the processes that keep a mount in use.
    Holders,
    /// statvfs(3).
    Statfs,
    /// Reading the directory that a scan begins with.
    Scan,
}

impl Step {
    /// The call's name, for messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MountPoint => "making the mount point",
            Self::Mount => "mount",
            Self::Unmount => "umount",
            Self::Remove => "removing the mount point",
            Self::Holders => "looking for processes",
            Self::Statfs => "statfs",
            Self::Scan => "reading the directory",
        }
    }
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; LENGTH_BYTES];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - LENGTH_BYTES;
    let prefix = u32::try_from(length)
        .ok()
        .filter(|_| length <= MAX_FRAME_BYTES)
        .ok_or_else(|| invalid("the frame is too long"))?;
    frame[..LENGTH_BYTES].copy_from_slice(&prefix.to_be_bytes());
    Ok(frame)
}

fn length(prefix: [u8; LENGTH_BYTES]) -> io::Result<usize> {
    usize::try_from(u32::from_be_bytes(prefix))
        .ok()
        .filter(|length| *length <= MAX_FRAME_BYTES)
        .ok_or_else(|| invalid("the frame is too long"))
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    serde_json::from_slice(body).map_err(|_| invalid("the frame is no message"))
}

/// Reads a message; `None` where the input ends.
pub(crate) fn read<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut prefix = [0; LENGTH_BYTES];
    match input.read_exact(&mut prefix) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; length(prefix)?];
    input.read_exact(&mut body)?;
    decode(&body).map(Some)
}

/// Writes a message.
pub(crate) fn write<T: Serialize>(output: &mut impl Write, message: &T) -> io::Result<()> {
    output.write_all(&encode(message)?)?;
    output.flush()
}

/// Reads a message; the end of the input is an error.
pub(crate) async fn receive<T: DeserializeOwned>(input: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let mut prefix = [0; LENGTH_BYTES];
    input.read_exact(&mut prefix).await?;
    let mut body = vec![0; length(prefix)?];
    input.read_exact(&mut body).await?;
    decode(&body)
}

/// Writes a message.
pub(crate) async fn send<T: Serialize>(
    output: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> io::Result<()> {
    output.write_all(&encode(message)?).await?;
    output.flush().await
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(body);
        frame
    }

    #[test]
    fn a_message_comes_back_as_it_went() {
        let call = Call::Mount(MountCall {
            source: "nas.lab:/srv/with space".to_owned(),
            target: "/run/mounts/x".into(),
            flags: 1,
            attempts: vec![Attempt {
                version: "4.1".to_owned(),
                data: "vers=4.1,addr=10.0.0.5".to_owned(),
            }],
        });
        let mut pipe = Vec::new();
        write(&mut pipe, &call).unwrap();
        write(&mut pipe, &call).unwrap();
        let mut pipe = pipe.as_slice();
        assert_eq!(read::<Call>(&mut pipe).unwrap(), Some(call.clone()));
        assert_eq!(read::<Call>(&mut pipe).unwrap(), Some(call));
        assert_eq!(read::<Call>(&mut pipe).unwrap(), None);
    }

    #[test]
    fn a_place_need_not_be_utf_8() {
        let call = Call::Unmount(UnmountCall {
            place: OsString::from_vec(b"/run/mounts/\xff".to_vec()),
            way: UnmountWay::Detach,
        });
        let mut pipe = Vec::new();
        write(&mut pipe, &call).unwrap();
        assert_eq!(read::<Call>(&mut pipe.as_slice()).unwrap(), Some(call));
    }

    #[test]
    fn garbage_is_an_error_and_allocates_nothing() {
        assert!(read::<Call>(&mut b"\xff\xff\xff\xff{}".as_slice()).is_err());
        assert!(read::<Call>(&mut frame(b"{\"nonsense\":1}").as_slice()).is_err());
        assert!(read::<Call>(&mut frame(b"\xff\xfe").as_slice()).is_err());
        assert!(read::<Call>(&mut b"\0\0\0\x05{".as_slice()).is_err());
    }

    #[test]
    fn a_message_that_is_too_long_is_not_sent() {
        let path = "x".repeat(MAX_FRAME_BYTES).into();
        assert!(write(&mut Vec::new(), &Call::Statfs { path }).is_err());
    }
}
