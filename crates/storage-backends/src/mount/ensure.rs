//! Mounts what is wanted if it is not mounted, and replaces a mount that is of no use.

use std::sync::Arc;
use std::time::Duration;

use storage_domain::Capacity;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::decide::{Decision, Failure};
use super::outcome::{Ensured, NotMounted, Origin, Server, Unmeasured};
use super::place::MountPlace;
use super::record::Record;
use super::table::MountEntry;
use super::unmount::{clean_up, unmount};
use crate::backend::UnmountMode;
use crate::context::OpContext;
use crate::error::Error;
use crate::helper::protocol::{Call, MountCall};
use crate::helper::queue::{Lease, Purpose};

/// How long a server may take to say how full a mount is: longer than the kernel asks with the default options.
pub const STATFS_DEADLINE: Duration = Duration::from_secs(20);
/// How long taking a wrong mount away may take.
const REMOVE_DEADLINE: Duration = Duration::from_secs(5);
/// How long recording a mount may take.
const RECORD_DEADLINE: Duration = Duration::from_secs(2);

impl MountPlace {
    /// Mounts by `call` if it is not mounted, and asks how full the mount is. A mount that is of no use is replaced, once.
    pub(crate) async fn ensure(
        &self,
        cx: &OpContext,
        server: Server<'_>,
        call: &MountCall,
    ) -> Result<Ensured, Error> {
        let started = Instant::now();
        let lease = self.queue.enter(cx, Purpose::Probe).await?;
        let mut mounted = self.mounted(&lease, cx, server, call).await?;
        let mut took = started.elapsed();
        let Ok((_, origin)) = mounted else {
            return Ok(Ensured::not(mounted, took));
        };
        let mut measured = self.measure(&lease, cx).await?;
        if let Some(mode) = self
            .replacement(server, &measured)?
            .filter(|_| origin == Origin::Kept)
        {
            tracing::info!(mount_point = %self.at, "a mount that is of no use is replaced");
            self.memory().was_mounted = false;
            self.remove(&lease, cx, mode).await?;
            mounted = self.mounted(&lease, cx, server, call).await?;
            took = started.elapsed();
            let Ok((_, origin)) = &mut mounted else {
                return Ok(Ensured::not(mounted, took));
            };
            *origin = Origin::Replaced;
            measured = self.measure(&lease, cx).await?;
        }
        Ok(Ensured {
            mounted,
            took,
            measured: Some(measured),
        })
    }

    /// Returns how the mount has to be taken away, if what it answered means that it is of no use.
    fn replacement(
        &self,
        server: Server<'_>,
        measured: &Result<Capacity, Unmeasured>,
    ) -> Result<Option<UnmountMode>, Error> {
        let Err(Unmeasured { failure, .. }) = measured else {
            return Ok(None);
        };
        let seen = server.seen(Some(*failure));
        self.memory().note(&seen);
        Ok(match self.decide(&self.layers()?, &seen) {
            Decision::Replace(reason) => Some(reason.mode()),
            Decision::Adopt(_) | Decision::Mount { .. } => None,
        })
    }

    async fn mounted(
        &self,
        lease: &Lease,
        cx: &OpContext,
        server: Server<'_>,
        call: &MountCall,
    ) -> Result<Result<(MountEntry, Origin), NotMounted>, Error> {
        let layers = self.layers()?;
        let origin = match self.decide(&layers, &server.seen(None)) {
            Decision::Adopt(entry) => {
                self.memory().was_mounted = true;
                return Ok(Ok((entry.clone(), Origin::Kept)));
            }
            Decision::Mount { again: true } => Origin::Restored,
            Decision::Mount { again: false } => Origin::Made,
            Decision::Replace(reason) => {
                self.remove(lease, cx, reason.mode()).await?;
                Origin::Made
            }
        };
        self.memory().was_mounted = false;
        self.memory().forget_failure();
        let made = self.mount(lease, cx, server, call).await?;
        Ok(made.map(|entry| (entry, origin)))
    }

    async fn mount(
        &self,
        lease: &Lease,
        cx: &OpContext,
        server: Server<'_>,
        call: &MountCall,
    ) -> Result<Result<MountEntry, NotMounted>, Error> {
        let Some(permit) = self.permit(lease, cx).await? else {
            return Ok(Err(NotMounted::NoPermit));
        };
        let (queue, at) = (Arc::clone(&self.queue), self.at.clone());
        let cleanup = Box::pin(async move { clean_up(&queue, at.as_path()).await });
        let limit = self.deadline.min(cx.remaining());
        let call = Call::Mount(call.clone());
        match lease.mount(permit, cx, limit, &call, cleanup).await {
            Ok(Ok(())) => self.verify(lease, cx, server).await,
            Ok(Err(failure)) => Ok(Err(NotMounted::Failed(failure))),
            Err(error) if error.is_timeout() => Ok(Err(NotMounted::Hung(limit))),
            Err(other) => Err(other),
        }
    }

    /// Waits until a mount may begin, and leaves it the time that it may take; `None` if other mounts go on for too
    /// long.
    async fn permit(&self, lease: &Lease, cx: &OpContext) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let left = cx.remaining();
        let patience = left.saturating_sub(self.deadline).max(left / 2);
        match lease.mount_permit(&cx.step(patience)).await {
            Ok(permit) => Ok(Some(permit)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Finds a mount that was just made in the table, as it was asked for and once, and remembers it.
    async fn verify(
        &self,
        lease: &Lease,
        cx: &OpContext,
        server: Server<'_>,
    ) -> Result<Result<MountEntry, NotMounted>, Error> {
        let refused = match self.layers()?.as_slice() {
            [entry] if !self.spec.accepts(entry) => NotMounted::Otherwise,
            [entry] if !self.spec.is_from(entry, server.addrs, &self.network) => {
                NotMounted::Referred(entry.clone())
            }
            [entry] => {
                self.remember(lease, cx, entry).await?;
                return Ok(Ok(entry.clone()));
            }
            _ => NotMounted::Otherwise,
        };
        self.remove(lease, cx, UnmountMode::Lazy).await?;
        Ok(Err(refused))
    }

    /// Remembers a mount as the service's own, and records it for the next start.
    async fn remember(&self, lease: &Lease, cx: &OpContext, entry: &MountEntry) -> Result<(), Error> {
        let made = Record {
            revision: self.spec.revision,
            entry: entry.clone(),
        };
        let content = serde_json::json!(made);
        {
            let mut memory = self.memory();
            memory.made = Some(made);
            memory.was_mounted = true;
        }
        match lease
            .record(&cx.step(RECORD_DEADLINE), self.at.record(), content)
            .await
        {
            Err(error) if error.is_cancelled() => Err(error),
            Err(error) => {
                tracing::warn!(%error, mount_point = %self.at, "a mount can't be recorded, so the next start replaces it");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Takes a mount away that is of no use. A scan and reads that are under way are ended first: what they get while
    /// the mount goes would be taken for a directory's end.
    async fn remove(&self, lease: &Lease, cx: &OpContext, mode: UnmountMode) -> Result<(), Error> {
        let _preempted = self.queue.preempt_others(lease, cx).await?;
        let cx = cx.step(REMOVE_DEADLINE);
        unmount(&cx, &self.queue, self.path(), mode).await
    }

    /// Asks how full the mount is.
    pub(super) async fn measure(
        &self,
        lease: &Lease,
        cx: &OpContext,
    ) -> Result<Result<Capacity, Unmeasured>, Error> {
        let limit = STATFS_DEADLINE.min(cx.remaining());
        let error = match lease.statfs(&cx.step(limit), self.path()).await {
            Ok(capacity) => {
                self.memory().forget_failure();
                return Ok(Ok(capacity));
            }
            Err(error) => error,
        };
        let failure = match error.io_source().and_then(std::io::Error::raw_os_error) {
            Some(errno) => Failure::Kernel(errno),
            None if error.is_timeout() => Failure::Timeout,
            None => return Err(error),
        };
        Ok(Err(Unmeasured { failure, limit }))
    }
}

#[cfg(test)]
mod tests;
