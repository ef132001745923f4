//! The mounts that an earlier process left, and those that this one leaves.

use std::collections::HashMap;
use std::path::PathBuf;

use futures_util::future::join_all;
use storage_domain::{Backend, BackendId, MountPoint};

use super::Registry;
use crate::backend::{MountState, UnmountMode};
use crate::context::OpContext;
use crate::error::Error;
use crate::mount::reconcile::{MountDir, Reconciled, reason};
use crate::mount::table::MountTable;
use crate::mount::unmount::unmount;

impl Registry {
    /// Compares the mount directory with the backends that are registered: keeps the mounts that are right, takes the
    /// others away (detaching those in use), and removes empty mount points. To be called at start, before anything is
    /// mounted.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MountTable`].
    pub async fn reconcile(&self, known: &[Backend]) -> Result<Reconciled, Error> {
        let Some(dir) = self.mount_dir() else {
            return Ok(Reconciled::default());
        };
        let mounts = MountTable::read()?;
        let known: HashMap<_, _> = known.iter().map(|backend| (backend.id, backend)).collect();
        let state = |id| {
            let backend = known.get(&id)?;
            let live = self.get(id, backend.revision, &backend.config).ok()?;
            Some(live.as_mount()?.state(&mounts))
        };
        let wants = |id| state(id) == Some(MountState::Mounted);
        Ok(dir.reconcile(&mounts, wants).await)
    }

    /// Returns the backends that are mounted now, as far as their mount points' names show.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MountTable`].
    pub fn mounted(&self) -> Result<Vec<BackendId>, Error> {
        let Some(dir) = self.mount_dir() else {
            return Ok(Vec::new());
        };
        let places = dir.mounted(&MountTable::read()?);
        Ok(places.iter().filter_map(|place| dir.owner(place)).collect())
    }

    /// Takes every mount away at stop, detaching those in use; returns what stayed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MountTable`].
    pub async fn unmount_all(&self, cx: &OpContext) -> Result<Vec<(PathBuf, String)>, Error> {
        let Some(dir) = self.mount_dir() else {
            return Ok(Vec::new());
        };
        let preempted = self.mounted()?.into_iter().map(|id| async move {
            let queue = self.queues.of(id);
            queue.preempt(cx).await
        });
        let _preempted = join_all(preempted).await;
        let places = dir.mounted(&MountTable::read()?).into_iter().collect();
        let done = dir.unmount(cx, places).await;
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
        let Some(dir) = self.mount_dir() else {
            return Ok(());
        };
        let queue = self.queues.of(id);
        let _preempted = queue.preempt(cx).await;
        let at = MountPoint::new(dir.path, id);
        unmount(cx, &queue, at.as_path(), UnmountMode::Plain)
            .await
            .map_err(|e| reason(&e))?;
        self.forget(id);
        Ok(())
    }

    fn mount_dir(&self) -> Option<MountDir<'_>> {
        let path = self.settings.mount_dir.as_deref()?;
        let queues = &self.queues;
        Some(MountDir { path, queues })
    }
}
