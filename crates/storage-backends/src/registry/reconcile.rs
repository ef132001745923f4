//! The mounts that an earlier process left, and those that this one leaves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use storage_domain::{Backend, BackendConfig, BackendId, MountPoint};

use super::Registry;
use crate::backend::UnmountMode;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::helper::protocol::Call;
use crate::mount::table::{self, MountEntry};
use crate::mount::unmount::{remove, unmount};
use crate::nfs::is_mount_of;

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

impl Registry {
    /// Compares the mount directory with the backends that are registered: keeps the mounts that are right, takes the
    /// others away (detaching those in use), and removes empty mount points. To be called at start, before anything is
    /// mounted.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MountTable`].
    pub async fn reconcile(&self, known: &[Backend]) -> Result<Reconciled, Error> {
        let Some(dir) = &self.settings.mount_dir else {
            return Ok(Reconciled::default());
        };
        let mut found = Reconciled::default();
        let mut wrong = Vec::new();
        for (place, layers) in mounts_in(dir)? {
            match layers.as_slice() {
                [only] => match owner(dir, &place, only, known) {
                    Some(id) => found.adopted.push(id),
                    None => wrong.push(place),
                },
                _ => wrong.push(place),
            }
        }
        let batches = wrong.len().div_ceil(UNMOUNTS_AT_ONCE).max(1);
        let limit = UNMOUNT_DEADLINE * u32::try_from(batches).unwrap_or(u32::MAX);
        let cx = OpContext::within(limit);
        for (place, result) in self.unmount_places(&cx, dir, wrong).await {
            match result {
                Ok(()) => found.unmounted.push(place),
                Err(error) => found.failed.push((place, error)),
            }
        }
        let sweep = Call::Sweep { dir: dir.clone() };
        let cx = OpContext::within(UNMOUNT_DEADLINE);
        remove(&cx, &self.queues.of(BackendId::generate()), &sweep).await;
        Ok(found)
    }

    /// The backends that are mounted now, as far as their mount points' names show.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MountTable`].
    pub fn mounted(&self) -> Result<Vec<BackendId>, Error> {
        let Some(dir) = &self.settings.mount_dir else {
            return Ok(Vec::new());
        };
        let places = mounts_in(dir)?;
        Ok(places
            .iter()
            .filter_map(|(place, _)| MountPoint::owner(dir, place))
            .collect())
    }

    /// Takes every mount away at stop, detaching those in use; returns what stayed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MountTable`].
    pub async fn unmount_all(&self, cx: &OpContext) -> Result<Vec<(PathBuf, String)>, Error> {
        let Some(dir) = &self.settings.mount_dir else {
            return Ok(Vec::new());
        };
        let preempted = self.mounted()?.into_iter().map(|id| async move {
            let queue = self.queues.of(id);
            queue.preempt(cx).await
        });
        let _preempted = join_all(preempted).await;
        let places = mounts_in(dir)?.into_iter().map(|(place, _)| place).collect();
        let done = self.unmount_places(cx, dir, places).await;
        Ok(done
            .into_iter()
            .filter_map(|(place, result)| Some((place, result.err()?)))
            .collect())
    }

    /// Takes away what is mounted for a backend, whatever its config is or was, and forgets the backend.
    ///
    /// # Errors
    /// Why it stays, in plain words: it is in use, for one.
    pub async fn abandon(&self, id: BackendId, cx: &OpContext) -> Result<(), String> {
        let Some(dir) = &self.settings.mount_dir else {
            return Ok(());
        };
        let queue = self.queues.of(id);
        let _preempted = queue.preempt(cx).await;
        let at = MountPoint::new(dir, id);
        unmount(cx, &queue, at.as_path(), UnmountMode::Plain)
            .await
            .map_err(|e| reason(&e))?;
        self.forget(id);
        Ok(())
    }

    /// Takes what is mounted at each place away; a place that is no backend's goes by an id that nobody has.
    async fn unmount_places(
        &self,
        cx: &OpContext,
        dir: &Path,
        places: Vec<PathBuf>,
    ) -> Vec<(PathBuf, Result<(), String>)> {
        let unmounts = places.into_iter().map(|place| async move {
            let id = MountPoint::owner(dir, &place).unwrap_or_else(BackendId::generate);
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

/// What is mounted directly in `dir`: each place with its layers.
fn mounts_in(dir: &Path) -> Result<Vec<(PathBuf, Vec<MountEntry>)>, Error> {
    let mut places: HashMap<PathBuf, Vec<MountEntry>> = HashMap::new();
    for entry in table::read()? {
        if entry.at.parent() == Some(dir) {
            places.entry(entry.at.clone()).or_default().push(entry);
        }
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(places)
}

/// The backend that wants exactly this mount at this place.
fn owner(dir: &Path, place: &Path, entry: &MountEntry, known: &[Backend]) -> Option<BackendId> {
    let id = MountPoint::owner(dir, place)?;
    let backend = known.iter().find(|backend| backend.id == id)?;
    match &backend.config {
        BackendConfig::Nfs(config) if is_mount_of(config, entry) => Some(id),
        _ => None,
    }
}

/// Returns why an unmount failed, in words.
fn reason(error: &Error) -> String {
    match (error.kind(), error.io_source()) {
        (ErrorKind::Busy(_), _) => "it is in use".to_owned(),
        (_, Some(source)) => source.to_string(),
        _ => error.to_string(),
    }
}
