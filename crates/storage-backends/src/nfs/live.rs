//! Making sure that the right export is mounted, and that it answers.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use storage_domain::{Capacity, MountPoint};

use super::mount::Wanted;
use super::preflight::ScopedAddr;
use super::{NfsBackend, mountinfo, unmount, words};
use crate::backend::{MountState, UnmountMode};
use crate::context::OpContext;
use crate::error::BackendError;
use crate::lane::{Session, Unmounter};
use crate::nfs::mountinfo::MountEntry;
use crate::worker::protocol::Call;

/// How long a server may take to tell how full an export is: longer than the kernel asks with the default options.
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
    /// The export is mounted, and was before where `already` says so.
    Yes { entry: MountEntry, already: bool },
    /// It is not, for the reason that the sentence tells.
    No(String),
}

/// How the step `capacity` ended.
pub(super) type Measured = Result<Capacity, String>;

impl NfsBackend {
    /// What is mounted at the backend's place; `addrs` are the server's, as far as they are known.
    pub(super) fn look(&self, at: &MountPoint, addrs: &[ScopedAddr]) -> Result<Found, BackendError> {
        let mut layers = mountinfo::layers(at.as_path())?;
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

    /// Mounts the export where it is not mounted, and asks how full it is. A mount that turns out to be dead is taken
    /// away and made anew, once.
    pub(super) async fn mount_and_measure(
        &self,
        cx: &OpContext,
        at: &MountPoint,
        addrs: &[ScopedAddr],
    ) -> Result<(Mounted, Option<Measured>), BackendError> {
        let session = self.lane.probe.enter(cx).await?;
        let mounted = self.mounted(&session, cx, at, addrs).await?;
        let Mounted::Yes { already, .. } = mounted else {
            return Ok((mounted, None));
        };
        let measured = self.measure(&session, cx, at).await?;
        if !(already && measured.as_ref().is_err_and(|e| is_corrupt(&e.cause))) {
            return Ok((mounted, Some(measured.map_err(|e| e.sentence))));
        }
        remove(cx, &self.lane.unmounter, at).await?;
        let again = self.mounted(&session, cx, at, addrs).await?;
        if let Mounted::No(_) = again {
            return Ok((again, None));
        }
        let measured = self.measure(&session, cx, at).await?;
        Ok((again, Some(measured.map_err(|e| e.sentence))))
    }

    async fn mounted(
        &self,
        session: &Session,
        cx: &OpContext,
        at: &MountPoint,
        addrs: &[ScopedAddr],
    ) -> Result<Mounted, BackendError> {
        match self.look(at, addrs)? {
            Found::Right(entry) => {
                return Ok(Mounted::Yes { entry, already: true });
            }
            Found::Wrong(_) => remove(cx, &self.lane.unmounter, at).await?,
            Found::Nothing => {}
        }
        let Some(addr) = addrs.first() else {
            return Ok(Mounted::No(words::NO_ADDRESS.to_owned()));
        };
        let call = Call::Mount(self.wanted.call(at, addr));
        let place = at.as_path().to_owned();
        let unmounter = self.lane.unmounter.clone();
        let cleanup = Box::new(move || unmount::clean_up(&unmounter, &place));
        let step = cx.step(self.mount_deadline);
        match self.lane.mount_in(session, &step, &call, cleanup).await {
            Ok(Ok(())) => self.verify(cx, at).await,
            Ok(Err(failure)) => Ok(Mounted::No(words::mount_failed(&self.config, &failure))),
            Err(BackendError::Deadline { .. }) => {
                Ok(Mounted::No(words::mount_hung(&self.config, self.mount_deadline)))
            }
            Err(other) => Err(other),
        }
    }

    /// Sees in the table of mounts that the mount is there, as it was asked for, and once.
    async fn verify(&self, cx: &OpContext, at: &MountPoint) -> Result<Mounted, BackendError> {
        let mut layers = mountinfo::layers(at.as_path())?;
        let top = layers.pop().filter(|_| layers.is_empty());
        if let Some(entry) = top.filter(|entry| Wanted::is_made_by(&self.wanted, entry)) {
            self.made.store(entry.id, Ordering::Relaxed);
            return Ok(Mounted::Yes {
                entry,
                already: false,
            });
        }
        remove(cx, &self.lane.unmounter, at).await?;
        Ok(Mounted::No(words::mounted_otherwise(&self.config)))
    }

    async fn measure(
        &self,
        session: &Session,
        cx: &OpContext,
        at: &MountPoint,
    ) -> Result<Result<Capacity, Unmeasured>, BackendError> {
        let step = cx.step(STATFS_DEADLINE);
        match self.lane.statfs_in(session, &step, at.as_path()).await {
            Ok(capacity) => Ok(Ok(capacity)),
            Err(BackendError::MountCall { source, .. }) => Ok(Err(Unmeasured {
                sentence: words::statfs_failed(&self.config, &source),
                cause: source,
            })),
            Err(BackendError::Deadline { .. }) => Ok(Err(Unmeasured {
                sentence: words::statfs_hung(&self.config, STATFS_DEADLINE),
                cause: io::ErrorKind::WouldBlock.into(),
            })),
            Err(other) => Err(other),
        }
    }
}

struct Unmeasured {
    sentence: String,
    cause: io::Error,
}

/// Whether a mount is of no use any more and has to be made anew (mount-level errors of a server that restarted, took
/// the export away or gave it anew).
fn is_corrupt(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::ESTALE
                | Errno::EIO
                | Errno::EACCES
                | Errno::ETIMEDOUT
                | Errno::ENOTCONN
                | Errno::EHOSTDOWN
                | Errno::ENODEV
        )
    )
}

/// Takes a mount away that is of no use: detaches it where it is in use.
async fn remove(cx: &OpContext, by: &Unmounter, at: &MountPoint) -> Result<(), BackendError> {
    let cx = cx.step(REMOVE_DEADLINE);
    unmount::unmount(&cx, by, at, UnmountMode::Lazy).await
}
