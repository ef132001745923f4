//! Making sure that the right export is mounted, and that it answers.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use storage_domain::{Capacity, MountPoint};
use tokio::sync::OwnedSemaphorePermit;

use super::NfsBackend;
use super::messages::{How, NotMeasured, NotMounted};
use crate::backend::{MountState, UnmountMode};
use crate::context::OpContext;
use crate::error::Error;
use crate::helper::protocol::Call;
use crate::helper::queue::{Lease, Purpose};
use crate::mount::table::{self, MountEntry};
use crate::mount::unmount::{clean_up, unmount};
use crate::net::Permitted as ScopedAddr;

/// How long a server may take to say how full an export is: longer than the kernel asks with the default options.
pub const STATFS_DEADLINE: Duration = Duration::from_secs(20);
/// How long taking a wrong mount away may take.
const REMOVE_DEADLINE: Duration = Duration::from_secs(5);

/// What is mounted at a backend's place.
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// What is wanted, as it is wanted.
    Right(MountEntry),
    /// Something else, or more than one mount.
    Wrong(MountEntry),
}

impl Found {
    pub(super) fn state(self) -> MountState {
        match self {
            Self::Nothing => MountState::Unmounted,
            Self::Right(_) => MountState::Mounted,
            Self::Wrong(entry) => MountState::Foreign { source: entry.source },
        }
    }
}

/// How the step `mount` ended.
pub(super) enum Mounted {
    /// The export is mounted.
    Yes { entry: MountEntry, how: How },
    /// It is not.
    No(NotMounted),
}

/// How the step `capacity` ended.
pub(super) type Measured = Result<Capacity, NotMeasured>;

/// Time for which a mount has to answer EIO, while its server accepts connections, before it is replaced.
const EIO_PATIENCE: Duration = Duration::from_mins(5);

/// How the steps `mount` and `capacity` ended; the second is made only if the first succeeds.
pub(super) struct Tried {
    pub(super) mounted: Mounted,
    /// The time until it was mounted.
    pub(super) took: Duration,
    pub(super) measured: Option<Measured>,
}

impl Tried {
    fn new(mounted: Mounted, took: Duration, measured: Option<Measured>) -> Self {
        Self {
            mounted,
            took,
            measured,
        }
    }
}

impl NfsBackend {
    /// What is mounted at the backend's place; `addrs` are the server's, as far as they are known.
    pub(super) fn look(&self, at: &MountPoint, addrs: &[ScopedAddr]) -> Result<Found, Error> {
        let mut layers = table::layers(at.as_path())?;
        let Some(top) = layers.pop() else {
            return Ok(Found::Nothing);
        };
        let own = self.made.load(Ordering::Relaxed) == top.id && self.wanted.is_made_by(&top);
        Ok(
            if layers.is_empty() && (own || self.wanted.matches(&top, addrs)) {
                Found::Right(top)
            } else {
                Found::Wrong(top)
            },
        )
    }

    /// Mounts the export if it is not mounted, and asks how full it is. A mount that turns out to be dead is replaced,
    /// once.
    pub(super) async fn mount_and_measure(
        &self,
        cx: &OpContext,
        at: &MountPoint,
        addrs: &[ScopedAddr],
    ) -> Result<Tried, Error> {
        let started = Instant::now();
        let lease = self.queue.enter(cx, Purpose::Probe).await?;
        let mounted = self.mounted(&lease, cx, at, addrs).await?;
        let Mounted::Yes { how, .. } = mounted else {
            return Ok(Tried::new(mounted, started.elapsed(), None));
        };
        let took = started.elapsed();
        let (measured, replace) = self.measure(&lease, cx, at).await?;
        if how != How::Already || !replace {
            return Ok(Tried::new(mounted, took, Some(measured)));
        }
        tracing::info!(mount_point = %at, "a mount whose export has changed is replaced");
        self.had.store(false, Ordering::Relaxed);
        self.remove(&lease, cx, at, UnmountMode::Dead).await?;
        let again = match self.mounted(&lease, cx, at, addrs).await? {
            Mounted::Yes { entry, .. } => Mounted::Yes {
                entry,
                how: How::Dead,
            },
            no @ Mounted::No(_) => return Ok(Tried::new(no, started.elapsed(), None)),
        };
        let took = started.elapsed();
        let (measured, _) = self.measure(&lease, cx, at).await?;
        Ok(Tried::new(again, took, Some(measured)))
    }

    /// Asks only whether the mount is still there and answers; `None` where it is not so, or that is not known.
    pub(super) async fn still_answers(
        &self,
        cx: &OpContext,
        at: &MountPoint,
    ) -> Result<Option<(MountEntry, Capacity)>, Error> {
        let Found::Right(entry) = self.look(at, &[])? else {
            return Ok(None);
        };
        let lease = self.queue.enter(cx, Purpose::Probe).await?;
        self.had.store(true, Ordering::Relaxed);
        let (measured, _) = self.measure(&lease, cx, at).await?;
        Ok(measured.ok().map(|capacity| (entry, capacity)))
    }

    async fn mounted(
        &self,
        lease: &Lease,
        cx: &OpContext,
        at: &MountPoint,
        addrs: &[ScopedAddr],
    ) -> Result<Mounted, Error> {
        let lost = match self.look(at, addrs)? {
            Found::Right(entry) => {
                self.had.store(true, Ordering::Relaxed);
                let how = How::Already;
                return Ok(Mounted::Yes { entry, how });
            }
            Found::Wrong(_) => {
                self.remove(lease, cx, at, UnmountMode::Lazy).await?;
                false
            }
            Found::Nothing => self.had.swap(false, Ordering::Relaxed),
        };
        self.failing_since.clear();
        let Some(addr) = addrs.first() else {
            return Ok(Mounted::No(NotMounted::NoAddress));
        };
        let call = Call::Mount(self.wanted.call(at, addr));
        let place = at.as_path().to_owned();
        let queue = Arc::clone(&self.queue);
        let cleanup = Box::pin(async move { clean_up(&queue, &place).await });
        let Some(permit) = self.permit(lease, cx).await? else {
            return Ok(Mounted::No(NotMounted::NoPermit));
        };
        let limit = self.mount_deadline.min(cx.remaining());
        let step = cx.step(limit);
        match lease.mount(permit, &step, &call, cleanup).await {
            Ok(Ok(())) => {
                let how = if lost { How::Lost } else { How::New };
                self.verify(lease, cx, at, addrs, how).await
            }
            Ok(Err(failure)) => Ok(Mounted::No(NotMounted::Failed(failure))),
            Err(error) if error.is_timeout() => Ok(Mounted::No(NotMounted::Hung(limit))),
            Err(other) => Err(other),
        }
    }

    /// Waits until a mount may begin, and leaves it the time that it may take; `None` where other mounts go on for too
    /// long.
    async fn permit(&self, lease: &Lease, cx: &OpContext) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let left = cx.remaining();
        let patience = left.saturating_sub(self.mount_deadline).max(left / 2);
        match lease.mount_permit(&cx.step(patience)).await {
            Ok(permit) => Ok(Some(permit)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Sees in the table of mounts that the mount is there, as it was asked for, and once.
    async fn verify(
        &self,
        lease: &Lease,
        cx: &OpContext,
        at: &MountPoint,
        addrs: &[ScopedAddr],
        how: How,
    ) -> Result<Mounted, Error> {
        let mut layers = table::layers(at.as_path())?;
        let top = layers.pop().filter(|_| layers.is_empty());
        let elsewhere = top.as_ref().is_some_and(|entry| self.is_elsewhere(entry, addrs));
        if let Some(entry) = top
            .clone()
            .filter(|entry| !elsewhere && self.wanted.is_made_by(entry))
        {
            self.made.store(entry.id, Ordering::Relaxed);
            self.had.store(true, Ordering::Relaxed);
            return Ok(Mounted::Yes { entry, how });
        }
        self.remove(lease, cx, at, UnmountMode::Lazy).await?;
        Ok(Mounted::No(match top.filter(|_| elsewhere) {
            Some(entry) => NotMounted::Referred(entry),
            None => NotMounted::Otherwise,
        }))
    }

    /// Takes a mount away that is of no use. A scan that is under way is ended first: what it reads while the mount
    /// goes would be taken for a directory's end.
    async fn remove(
        &self,
        lease: &Lease,
        cx: &OpContext,
        at: &MountPoint,
        mode: UnmountMode,
    ) -> Result<(), Error> {
        let _preempted = self.queue.preempt_scan(lease, cx).await?;
        let cx = cx.step(REMOVE_DEADLINE);
        unmount(&cx, &self.queue, at.as_path(), mode).await
    }

    /// Asks how full the mount is, and decides whether a failure means that the mount is of no use any more.
    ///
    /// Only what the server says of the export does (field.md N9): a server that does not answer in time may come back,
    /// and other programs on the mount wait for it.
    async fn measure(
        &self,
        lease: &Lease,
        cx: &OpContext,
        at: &MountPoint,
    ) -> Result<(Measured, bool), Error> {
        let limit = STATFS_DEADLINE.min(cx.remaining());
        let error = match lease.statfs(&cx.step(limit), at.as_path()).await {
            Ok(capacity) => {
                self.failing_since.clear();
                return Ok((Ok(capacity), false));
            }
            Err(error) => error,
        };
        let (why, errno) = match error.io_source().map(io::Error::raw_os_error) {
            Some(errno) => {
                let errno = errno.unwrap_or(Errno::EIO as i32);
                (NotMeasured::Failed(errno), Some(Errno::from_raw(errno)))
            }
            None if error.is_timeout() => (NotMeasured::Hung(limit), None),
            None => return Err(error),
        };
        let replace = self.failing_since.replaces(errno, Instant::now());
        Ok((Err(why), replace))
    }

    /// Reports whether a mount that was just made is of another server: the server referred the kernel to it.
    ///
    /// The kernel may show another address of the same server (RFC 8881, section 2.10.5), which then has the same path.
    fn is_elsewhere(&self, entry: &MountEntry, addrs: &[ScopedAddr]) -> bool {
        let shown = entry.option("addr").unwrap_or_default();
        if addrs.iter().any(|addr| addr.to_string() == shown) {
            return false;
        }
        let bare = shown.split('%').next().and_then(|addr| addr.parse().ok());
        let permitted = bare.is_some_and(|addr| self.network.allows(addr));
        !permitted || !self.wanted.has_path_of(entry)
    }
}

/// Since when a mount has answered nothing but EIO.
#[derive(Debug, Default)]
pub(super) struct FailingSince(Mutex<Option<Instant>>);

impl FailingSince {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn clear(&self) {
        self.set(None);
    }

    /// Notes a failure and decides whether it replaces the mount; `None` is a timeout.
    fn replaces(&self, errno: Option<Errno>, now: Instant) -> bool {
        let before = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = (errno == Some(Errno::EIO)).then(|| before.unwrap_or(now));
        self.set(since);
        match errno {
            Some(Errno::ESTALE | Errno::EACCES | Errno::ENODEV) => true,
            _ => since.is_some_and(|since| now.duration_since(since) >= EIO_PATIENCE),
        }
    }
}

#[cfg(test)]
mod tests;
