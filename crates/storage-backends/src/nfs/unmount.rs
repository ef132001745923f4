//! Taking mounts away. This process decides and watches the table of mounts; the system call is a worker's.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use storage_domain::MountPoint;
use tokio::time::Instant;

use crate::backend::UnmountMode;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::holders::Holders;
use crate::lane::Unmounter;
use crate::nfs::mountinfo;
use crate::worker::protocol::{Call, Reply, UnmountWay};

/// How long a plain unmount is tried again where the mount is in use.
const BUSY_PATIENCE: Duration = Duration::from_millis(2500);
/// How long it waits before the second attempt; twice as long before each further one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(300);
/// How often the table of mounts is read while a worker does not answer.
const POLL: Duration = Duration::from_millis(20);
/// How long cleaning up after a mount that was broken off may take.
const CLEAN_UP_DEADLINE: Duration = Duration::from_secs(30);
/// How many mounts may lie on each other at one place, before something is wrong.
const MAX_LAYERS: usize = 64;

/// Why a place could not be freed.
enum Failure {
    Busy,
    Kernel(Errno),
    Other(Error),
}

/// Takes away everything that is mounted at exactly this place, and removes the empty directory.
pub(crate) async fn unmount(
    cx: &OpContext,
    by: &Unmounter,
    at: &MountPoint,
    mode: UnmountMode,
) -> Result<(), Error> {
    let done = cx
        .bound("the unmount", ladder(cx, by, at.as_path(), mode))
        .await?;
    let at = at.clone();
    match done {
        Ok(()) => Ok(()),
        Err(Failure::Busy) => {
            let holders = holders(cx, by, &at).await;
            Err(Error::new(ErrorKind::Busy(holders), "unmounting"))
        }
        Err(Failure::Kernel(errno)) => Err(Error::kernel("unmounting", errno.into())),
        Err(Failure::Other(error)) => Err(error),
    }
}

/// Who keeps the mount in use, as far as that can be seen.
async fn holders(cx: &OpContext, by: &Unmounter, at: &MountPoint) -> Holders {
    let top = mountinfo::layers(at.as_path())
        .ok()
        .and_then(|mut layers| layers.pop());
    match top {
        Some(entry) => by.holders(cx, at.as_path(), entry.id).await,
        None => Holders::default(),
    }
}

/// The same for a place whose name may be no backend's; the error is told in words.
pub(crate) async fn unmount_place(
    cx: &OpContext,
    by: &Unmounter,
    at: &Path,
    mode: UnmountMode,
) -> Result<(), String> {
    match cx.bound("the unmount", ladder(cx, by, at, mode)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Failure::Busy)) => Err("it is in use".to_owned()),
        Ok(Err(Failure::Kernel(errno))) => Err(errno.desc().to_owned()),
        Ok(Err(Failure::Other(error))) | Err(error) => Err(error.to_string()),
    }
}

async fn ladder(cx: &OpContext, by: &Unmounter, at: &Path, mode: UnmountMode) -> Result<(), Failure> {
    let give_up = Instant::now() + BUSY_PATIENCE;
    let mut pause = FIRST_PAUSE;
    let mut undone = 0;
    while layers(at)? > 0 {
        let done = climb(cx, by, at, mode).await;
        match done {
            Ok(()) | Err(Failure::Kernel(Errno::EINVAL | Errno::ENOENT)) if undone < MAX_LAYERS => {
                undone += 1;
            }
            Ok(()) => return Err(Failure::Kernel(Errno::ELOOP)),
            Err(Failure::Kernel(Errno::EBUSY)) if Instant::now() < give_up => {
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            Err(Failure::Kernel(Errno::EBUSY)) => return Err(Failure::Busy),
            Err(other) => return Err(other),
        }
    }
    let place = at.as_os_str().to_owned();
    by.remove(cx, Call::Remove { place }).await;
    Ok(())
}

/// Takes the topmost mount off, by the mildest way that the mode allows and that works.
async fn climb(cx: &OpContext, by: &Unmounter, at: &Path, mode: UnmountMode) -> Result<(), Failure> {
    let harder: &[UnmountWay] = match mode {
        UnmountMode::Plain => &[],
        UnmountMode::Lazy => &[UnmountWay::Detach],
        UnmountMode::Dead => &[UnmountWay::Force, UnmountWay::Detach],
    };
    let mut done = take_off(cx, by, at, UnmountWay::Plain).await;
    for way in harder {
        if matches!(done, Err(Failure::Kernel(Errno::EBUSY))) {
            done = take_off(cx, by, at, *way).await;
        }
    }
    done
}

/// Takes the topmost mount off, and is done as soon as the table of mounts says so: the kernel takes a mount out of the
/// table at once, and may then wait for half a minute until a server that is gone confirms the end of the session (seen
/// with NFS 4.1 and 4.2). The worker that waits there is ended in the background.
async fn take_off(cx: &OpContext, by: &Unmounter, at: &Path, way: UnmountWay) -> Result<(), Failure> {
    let before = layers(at)?;
    let mut answer = by.unmount(cx, at, way).await.map_err(Failure::Other)?;
    loop {
        tokio::select! {
            biased;
            said = &mut answer => {
                let failure = match said {
                    Ok(Ok(Reply::Unmounted)) => return Ok(()),
                    Ok(Ok(Reply::Failed(failure))) => Failure::Kernel(Errno::from_raw(failure.errno)),
                    Ok(Ok(_)) => Failure::Other(broken("it answered another question")),
                    Ok(Err(error)) => Failure::Other(error),
                    Err(_) => Failure::Other(broken("nobody waited for it")),
                };
                // A worker that broke off may have done its work before.
                let gone = matches!(failure, Failure::Other(_)) && layers(at)? < before;
                return if gone { Ok(()) } else { Err(failure) };
            }
            () = tokio::time::sleep(POLL) => {
                if layers(at)? < before {
                    return Ok(());
                }
            }
        }
    }
}

fn broken(reason: &str) -> Error {
    Error::new(ErrorKind::Helper, "the helper process").with_source(reason.to_owned())
}

fn layers(at: &Path) -> Result<usize, Failure> {
    let layers = mountinfo::layers(at).map_err(Failure::Other)?;
    Ok(layers.len())
}

/// Takes away what a mount that was broken off may have left. Blocks, and needs no runtime: it is called where a
/// worker is reaped, and nobody may be waiting there any more.
pub(crate) fn clean_up(by: &Unmounter, at: &Path) {
    let done = std::thread::scope(|scope| {
        // The threads that reap have small stacks.
        let cleaner = std::thread::Builder::new()
            .name("clean-up".to_owned())
            .spawn_scoped(scope, || unmount_alone(by, at));
        cleaner.map(std::thread::ScopedJoinHandle::join)
    });
    let why = match done {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(why))) => why,
        Ok(Err(_panicked)) => "the thread for it panicked".to_owned(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(why, mount_point = %at.display(), "a mount that was broken off can't be taken away");
}

/// Takes away what is mounted at a place, on a runtime of its own.
fn unmount_alone(by: &Unmounter, at: &Path) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let cx = OpContext::within(CLEAN_UP_DEADLINE);
    runtime.block_on(unmount_place(&cx, by, at, UnmountMode::Lazy))
}

#[cfg(test)]
mod tests;
