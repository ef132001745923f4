//! Taking mounts away, which the service itself does: it goes on where a backend's worker hangs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use storage_domain::MountPoint;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backend::UnmountMode;
use crate::context::OpContext;
use crate::error::BackendError;
use crate::nfs::mountinfo;

/// How long a plain unmount is tried again where the mount is in use.
const BUSY_PATIENCE: Duration = Duration::from_millis(2500);
/// How long it waits in between.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// How often the table of mounts is read while umount2(2) does not come back.
const POLL: Duration = Duration::from_millis(20);
/// How often at most: 30 s.
const MAX_POLLS: usize = 1500;
/// How many mounts may lie on each other at one place, before something is wrong.
const MAX_LAYERS: usize = 64;

/// Why a place could not be freed.
enum Failure {
    Busy,
    Kernel(Errno),
    Other(BackendError),
}

/// Takes away everything that is mounted at exactly this place, and removes the empty directory.
pub(crate) async fn unmount(cx: &OpContext, at: &MountPoint, mode: UnmountMode) -> Result<(), BackendError> {
    let at = at.clone();
    match cx.bound("the unmount", ladder(at.as_path(), mode)).await? {
        Ok(()) => Ok(()),
        Err(Failure::Busy) => Err(BackendError::Busy { at }),
        Err(Failure::Kernel(errno)) => Err(BackendError::Unmount {
            at,
            source: io::Error::from(errno),
        }),
        Err(Failure::Other(error)) => Err(error),
    }
}

/// The same for a place whose name may be no backend's; the error is told in words.
pub(crate) async fn unmount_place(cx: &OpContext, at: &Path, mode: UnmountMode) -> Result<(), String> {
    match cx.bound("the unmount", ladder(at, mode)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Failure::Busy)) => Err("it is in use".to_owned()),
        Ok(Err(Failure::Kernel(errno))) => Err(errno.desc().to_owned()),
        Ok(Err(Failure::Other(error))) | Err(error) => Err(error.to_string()),
    }
}

async fn ladder(at: &Path, mode: UnmountMode) -> Result<(), Failure> {
    let give_up = Instant::now() + BUSY_PATIENCE;
    let mut undone = 0;
    while !mountinfo::layers(at).map_err(Failure::Other)?.is_empty() {
        let done = match call(at, MntFlags::empty()).await {
            Err(Errno::EBUSY) if mode == UnmountMode::Lazy => call(at, MntFlags::MNT_DETACH).await,
            done => done,
        };
        match done {
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) if undone < MAX_LAYERS => undone += 1,
            Ok(()) => return Err(Failure::Kernel(Errno::ELOOP)),
            Err(Errno::EBUSY) if Instant::now() < give_up => tokio::time::sleep(BUSY_PAUSE).await,
            Err(Errno::EBUSY) => return Err(Failure::Busy),
            Err(errno) => return Err(Failure::Kernel(errno)),
        }
    }
    remove_mount_point(at);
    Ok(())
}

/// Takes the topmost mount off, without keeping a runtime's thread.
async fn call(at: &Path, flags: MntFlags) -> Result<(), Errno> {
    let (sender, done) = oneshot::channel();
    let at: PathBuf = at.to_owned();
    std::thread::Builder::new()
        .name("unmount".to_owned())
        .spawn(move || sender.send(take_off(&at, flags)))
        .map_err(|_| Errno::EAGAIN)?;
    done.await.unwrap_or(Err(Errno::EIO))
}

/// Calls umount2(2) on a thread of its own, and is done as soon as the table of mounts says so: the kernel takes a mount
/// out of the table at once, and may then wait for half a minute until a server that is gone confirms the end of the
/// session (seen with NFS 4.1 and 4.2). The thread ends with that, or with the process.
fn take_off(at: &Path, flags: MntFlags) -> Result<(), Errno> {
    let before = count(at)?;
    let (sender, done) = mpsc::channel();
    let path = at.to_owned();
    std::thread::Builder::new()
        .name("umount2".to_owned())
        .spawn(move || sender.send(umount2(&path, flags | MntFlags::UMOUNT_NOFOLLOW)))
        .map_err(|_| Errno::EAGAIN)?;
    for _ in 0..MAX_POLLS {
        match done.recv_timeout(POLL) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if count(at)? < before => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Errno::EIO),
        }
    }
    Err(Errno::ETIMEDOUT)
}

fn count(at: &Path) -> Result<usize, Errno> {
    mountinfo::layers(at)
        .map(|layers| layers.len())
        .map_err(|_| Errno::EIO)
}

/// Takes away what a mount that was broken off may have left, without a runtime.
pub(crate) fn clean_up(at: &Path) {
    for _ in 0..MAX_LAYERS {
        if !count(at).is_ok_and(|layers| layers > 0) {
            break;
        }
        if take_off(at, MntFlags::empty()).is_err() && take_off(at, MntFlags::MNT_DETACH).is_err() {
            break;
        }
    }
    remove_mount_point(at);
}

/// Removes the directory itself where it is empty and nothing is mounted on it; never what is in it.
pub(crate) fn remove_mount_point(at: &Path) {
    match std::fs::remove_dir(at) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(error = %e, mount_point = %at.display(), "the mount point can't be removed");
        }
        _ => {}
    }
}
