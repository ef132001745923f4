//! Taking mounts away. None of these calls sends anything to a server, so that they are made by the service itself.

use std::io;
use std::path::{Path, PathBuf};
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
/// How many mounts may lie on each other at one place, before something is wrong.
const MAX_LAYERS: usize = 64;

/// Takes away everything that is mounted at exactly this place, and removes the empty directory.
pub(crate) async fn unmount(cx: &OpContext, at: &MountPoint, mode: UnmountMode) -> Result<(), BackendError> {
    cx.bound("the unmount", ladder(at, mode)).await?
}

async fn ladder(at: &MountPoint, mode: UnmountMode) -> Result<(), BackendError> {
    let give_up = Instant::now() + BUSY_PATIENCE;
    let mut undone = 0;
    while !mountinfo::layers(at.as_path())?.is_empty() {
        let done = match call(at.as_path(), MntFlags::empty()).await {
            Err(Errno::EBUSY) if mode == UnmountMode::Lazy => call(at.as_path(), MntFlags::MNT_DETACH).await,
            done => done,
        };
        match done {
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) if undone < MAX_LAYERS => undone += 1,
            Err(Errno::EBUSY) if Instant::now() < give_up => tokio::time::sleep(BUSY_PAUSE).await,
            Err(Errno::EBUSY) => return Err(BackendError::Busy { at: at.clone() }),
            Ok(()) => return Err(failed(at, Errno::ELOOP)),
            Err(errno) => return Err(failed(at, errno)),
        }
    }
    remove_mount_point(at.as_path());
    Ok(())
}

fn failed(at: &MountPoint, errno: Errno) -> BackendError {
    BackendError::Unmount {
        at: at.clone(),
        source: io::Error::from(errno),
    }
}

/// Calls umount2(2) on a thread of its own, which does not keep a runtime from ending.
async fn call(at: &Path, flags: MntFlags) -> Result<(), Errno> {
    let (sender, done) = oneshot::channel();
    let path: PathBuf = at.to_owned();
    std::thread::Builder::new()
        .name("unmount".to_owned())
        .spawn(move || sender.send(umount2(&path, flags | MntFlags::UMOUNT_NOFOLLOW)))
        .map_err(|_| Errno::EAGAIN)?;
    done.await.unwrap_or(Err(Errno::EIO))
}

/// Takes away what a mount that was broken off may have left, without waiting for anything.
pub(crate) fn clean_up(at: &Path) {
    for _ in 0..MAX_LAYERS {
        if !mountinfo::layers(at).is_ok_and(|layers| !layers.is_empty()) {
            break;
        }
        if umount2(at, MntFlags::UMOUNT_NOFOLLOW).is_err() {
            let _ = umount2(at, MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH);
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
