//! Takes away what is mounted in the mount directory and is not wanted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use storage_domain::{BackendId, MountPoint};

use super::table::MountTable;
use super::unmount::{remove, unmount};
use crate::backend::UnmountMode;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::helper::Queues;
use crate::helper::protocol::Call;

/// Time limit for taking one mount away.
const UNMOUNT_DEADLINE: Duration = Duration::from_secs(8);
/// How many mounts are taken away at once.
pub const UNMOUNTS_AT_ONCE: usize = 16;

/// What was found in the mount directory at start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Backends whose mount was found as their config wants it.
    pub adopted: Vec<BackendId>,
    /// Mount points that were unmounted, because their backend is gone or has another config.
    pub unmounted: Vec<PathBuf>,
    /// Mount points that could not be unmounted, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

/// The mount directory.
pub(crate) struct MountDir<'a> {
    pub(crate) path: &'a Path,
    pub(crate) queues: &'a Queues,
}

impl MountDir<'_> {
    /// Returns the places directly in the directory on which something is mounted, in order.
    pub(crate) fn mounted(&self, mounts: &MountTable) -> BTreeSet<PathBuf> {
        let places = mounts.places().filter(|at| at.parent() == Some(self.path));
        places.map(Path::to_owned).collect()
    }

    /// Returns the backend of a place, if it is named by an id.
    pub(crate) fn owner(&self, place: &Path) -> Option<BackendId> {
        MountPoint::owner(self.path, place)
    }

    /// Keeps the mounts of the backends that `wants` knows, takes the others away, and removes empty mount points.
    pub(crate) async fn reconcile(
        &self,
        mounts: &MountTable,
        wants: impl Fn(BackendId) -> bool,
    ) -> Reconciled {
        let mut found = Reconciled::default();
        let mut wrong = Vec::new();
        for place in self.mounted(mounts) {
            match self.owner(&place).filter(|id| wants(*id)) {
                Some(id) => found.adopted.push(id),
                None => wrong.push(place),
            }
        }
        let batches = wrong.len().div_ceil(UNMOUNTS_AT_ONCE).max(1);
        let limit = UNMOUNT_DEADLINE * u32::try_from(batches).unwrap_or(u32::MAX);
        for (place, result) in self.unmount(&OpContext::within(limit), wrong).await {
            match result {
                Ok(()) => found.unmounted.push(place),
                Err(reason) => found.failed.push((place, reason)),
            }
        }
        let sweep = Call::Sweep {
            dir: self.path.to_owned(),
        };
        let cx = OpContext::within(UNMOUNT_DEADLINE);
        remove(&cx, &self.queues.of(BackendId::generate()), &sweep).await;
        found
    }

    /// Detaches what is mounted at each place; a place that belongs to no backend goes by an id that nobody has.
    pub(crate) async fn unmount(
        &self,
        cx: &OpContext,
        places: Vec<PathBuf>,
    ) -> Vec<(PathBuf, Result<(), String>)> {
        let unmounts = places.into_iter().map(|place| async move {
            let id = self.owner(&place).unwrap_or_else(BackendId::generate);
            let cx = cx.step(UNMOUNT_DEADLINE);
            let result = unmount(&cx, &self.queues.of(id), &place, UnmountMode::Lazy).await;
            (place, result.map_err(|e| reason(&e)))
        });
        let mut done: Vec<_> = stream::iter(unmounts)
            .buffer_unordered(UNMOUNTS_AT_ONCE)
            .collect()
            .await;
        done.sort_by(|a, b| a.0.cmp(&b.0));
        done
    }
}

/// Returns why an unmount failed, in words.
pub(crate) fn reason(error: &Error) -> String {
    match (error.kind(), error.io_source()) {
        (ErrorKind::Busy(_), _) => "it is in use".to_owned(),
        (_, Some(source)) => source.to_string(),
        _ => error.to_string(),
    }
}
