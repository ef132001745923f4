//! Keeping a backend's lanes free while its mount goes.

use std::sync::atomic::Ordering;

use super::running::KILL_GRACE;
use super::{Lane, Session, THE_SCAN};
use crate::context::OpContext;
use crate::error::Error;

/// Lanes on which nothing runs.
pub(crate) struct Quiet {
    _sessions: [Option<Session>; 2],
}

impl Lane {
    /// Ends what is under way on both lanes and keeps them free for as long as the result is there. A worker that
    /// hangs in the kernel is not waited for: it does not keep a mount from being detached.
    pub(crate) async fn quiet(&self, cx: &OpContext) -> Quiet {
        self.removals.fetch_add(1, Ordering::Relaxed);
        let patience = cx.step(KILL_GRACE * 2);
        let (probe, scan) = tokio::join!(self.probe.take_over(&patience), self.scan.take_over(&patience));
        Quiet {
            _sessions: [probe.ok(), scan.ok()],
        }
    }

    /// The same for whoever has the other lane, and is to take the mount away.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Cancelled`], by `cx` or because somebody wants both lanes.
    pub(crate) async fn quiet_scan(&self, session: &Session, cx: &OpContext) -> Result<Quiet, Error> {
        self.removals.fetch_add(1, Ordering::Relaxed);
        let patience = cx.step(KILL_GRACE * 2);
        let scan = session.bound(THE_SCAN, self.scan.take_over(&patience)).await;
        let scan = match scan {
            Err(error) if error.is_cancelled() => return Err(error),
            scan => scan,
        };
        Ok(Quiet {
            _sessions: [None, scan.ok()],
        })
    }

    /// How often the backend's mount was taken away, or was about to be: what was read across a change of this number
    /// is worth nothing. The kernel tells it neither by the answers of calls that a forced unmount ended, nor by the
    /// numbers of mounts, which it uses again at once.
    pub(crate) fn removals(&self) -> u64 {
        self.removals.load(Ordering::Relaxed)
    }
}
