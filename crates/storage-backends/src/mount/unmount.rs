//! Takes mounts away. This process decides and watches the table of mounts; a helper makes the system call.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::Instant;

use super::table::{self, MountWatch};
use crate::backend::UnmountMode;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::helper::HelperQueue;
use crate::helper::protocol::{Call, HoldersCall, Reply, UnmountCall, UnmountWay};
use crate::holders::Holders;

/// Name of the step in errors.
const STEP: &str = "the unmount";
/// Time for which a plain unmount is tried again while the mount is in use.
const BUSY_RETRY: Duration = Duration::from_millis(2500);
/// Pause before the second attempt; it doubles before each further one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(300);
/// Time limit for cleaning up after a mount whose helper was killed.
const CLEAN_UP_DEADLINE: Duration = Duration::from_secs(30);
/// Time limit for removing mount points: the disk below them may hang.
const REMOVE_DEADLINE: Duration = Duration::from_secs(2);
/// Time limit for finding the processes that keep a mount in use.
const HOLDERS_DEADLINE: Duration = Duration::from_secs(2);
/// Limit of mounts on one mount point.
const MAX_LAYERS: usize = 64;

/// Takes away everything that is mounted at exactly this path, and removes the empty directory.
///
/// # Errors
/// [`ErrorKind::Busy`] if it is in use and `mode` is plain, [`ErrorKind::Kernel`], [`ErrorKind::Stuck`] if too many
/// helpers hang, [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`].
pub(crate) async fn unmount(
    cx: &OpContext,
    queue: &Arc<HelperQueue>,
    at: &Path,
    mode: UnmountMode,
) -> Result<(), Error> {
    match cx.bound(STEP, all_layers(cx, queue, at, mode)).await? {
        Err(error) if errno(&error) == Some(Errno::EBUSY) => {
            let holders = holders(cx, queue, at).await;
            Err(Error::new(ErrorKind::Busy(holders), STEP).with_source(Errno::EBUSY))
        }
        done => done,
    }
}

/// Takes away what a mount left whose helper was killed. A failure is logged.
pub(crate) async fn clean_up(queue: &Arc<HelperQueue>, at: &Path) {
    let cx = OpContext::within(CLEAN_UP_DEADLINE);
    if let Err(error) = unmount(&cx, queue, at, UnmountMode::Lazy).await {
        tracing::warn!(%error, mount_point = %at.display(), "a mount that was broken off can't be taken away");
    }
}

/// Removes a mount point on which nothing is mounted, or, with [`Call::Sweep`], all in a directory.
///
/// A mount makes its mount point again, so that a failure is only logged.
pub(crate) async fn remove(cx: &OpContext, queue: &Arc<HelperQueue>, call: &Call) {
    let cx = cx.step(REMOVE_DEADLINE);
    let why = match queue.call_beside(&cx, "removing mount points", call).await {
        Ok(Reply::Failed(failure)) => Errno::from_raw(failure.errno).desc().to_owned(),
        Ok(_) => return,
        Err(error) => error.to_string(),
    };
    tracing::warn!(backend.id = %queue.backend(), why, "a mount point can't be removed");
}

async fn all_layers(
    cx: &OpContext,
    queue: &Arc<HelperQueue>,
    at: &Path,
    mode: UnmountMode,
) -> Result<(), Error> {
    let give_up = Instant::now() + BUSY_RETRY;
    let mut pause = FIRST_PAUSE;
    let mut attempts = 0;
    while layers(at)? > 0 {
        let done = top_layer(cx, queue, at, mode).await;
        match done.as_ref().map_err(errno) {
            Ok(()) | Err(Some(Errno::EINVAL | Errno::ENOENT)) if attempts < MAX_LAYERS => attempts += 1,
            Err(Some(Errno::EBUSY)) if Instant::now() < give_up => {
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            Ok(()) => return Err(Error::kernel(STEP, Errno::ELOOP.into())),
            Err(_) => return done,
        }
    }
    let place = at.as_os_str().to_owned();
    remove(cx, queue, &Call::Remove { place }).await;
    Ok(())
}

/// Takes the topmost mount off by the mildest way that the mode allows and that works.
async fn top_layer(
    cx: &OpContext,
    queue: &Arc<HelperQueue>,
    at: &Path,
    mode: UnmountMode,
) -> Result<(), Error> {
    let harder: &[UnmountWay] = match mode {
        UnmountMode::Plain => &[],
        UnmountMode::Lazy => &[UnmountWay::Detach],
        UnmountMode::Dead => &[UnmountWay::Force, UnmountWay::Detach],
    };
    let mut done = take_off(cx, queue, at, UnmountWay::Plain).await;
    for way in harder {
        if done.as_ref().is_err_and(|e| errno(e) == Some(Errno::EBUSY)) {
            done = take_off(cx, queue, at, *way).await;
        }
    }
    done
}

/// Calls umount2(2) once, and is done as soon as the table of mounts has lost the mount.
///
/// The kernel takes a mount out of the table at once, and may then wait for half a minute until a server that is gone
/// confirms the end of the session. The helper that waits there is killed in the background.
async fn take_off(cx: &OpContext, queue: &Arc<HelperQueue>, at: &Path, way: UnmountWay) -> Result<(), Error> {
    let mut watch = MountWatch::open().ok();
    let before = layers(at)?;
    let place = at.as_os_str().to_owned();
    let call = Call::Unmount(UnmountCall { place, way });
    let mut call = pin!(queue.call_beside(cx, STEP, &call));
    loop {
        tokio::select! {
            biased;
            reply = &mut call => return match reply {
                Ok(Reply::Unmounted) => Ok(()),
                Ok(Reply::Failed(failure)) => Err(Error::kernel(STEP, Errno::from_raw(failure.errno).into())),
                // A helper that broke off may have done its work before.
                _ if layers(at)? < before => Ok(()),
                Ok(_) => Err(Error::new(ErrorKind::Helper, STEP).with_source("it answered another call")),
                Err(error) => Err(error),
            },
            () = changed(watch.as_mut()) => {
                if layers(at)? < before {
                    return Ok(());
                }
            }
        }
    }
}

/// Waits for a change of the table; never returns if it cannot be watched.
async fn changed(watch: Option<&mut MountWatch>) {
    if let Some(watch) = watch
        && watch.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Finds the processes that keep the mount in use; none if the search fails, which is logged.
async fn holders(cx: &OpContext, queue: &Arc<HelperQueue>, at: &Path) -> Holders {
    let top = table::layers(at).ok().and_then(|mut layers| layers.pop());
    let Some(top) = top else {
        return Holders::default();
    };
    let call = Call::Holders(HoldersCall {
        place: at.as_os_str().to_owned(),
        mount: top.id,
    });
    let cx = cx.step(HOLDERS_DEADLINE);
    match queue.call_beside(&cx, "looking for processes", &call).await {
        Ok(Reply::Holders(holders)) => holders,
        other => {
            tracing::warn!(backend.id = %queue.backend(), ?other, "the processes that use a mount can't be found");
            Holders {
                cut_short: true,
                ..Holders::default()
            }
        }
    }
}

fn errno(error: &Error) -> Option<Errno> {
    error.io_source()?.raw_os_error().map(Errno::from_raw)
}

fn layers(at: &Path) -> Result<usize, Error> {
    table::layers(at).map(|layers| layers.len())
}

#[cfg(test)]
mod tests;
