//! Watching backends that were tested, so that one that fails is told, and one that is well again is used again,
//! without an operator.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use storage_backends::OpContext;
use storage_backends::mount::table::MountWatch;
use storage_domain::{BackendId, BackendStatus};
use storage_persistence::StoreError;
use tokio::time::Instant;

use super::rounds::Due;
use super::testing::TestEnd;
use super::{App, AppError};
use crate::chain::Chain;

/// How long the table of mounts may go on changing before it is looked at.
const SETTLE: Duration = Duration::from_millis(100);

impl App {
    /// Watches until the service stops, where `watch_interval` is set.
    pub fn watch(self: &Arc<Self>) {
        if self.settings.watch_interval.is_none() {
            return;
        }
        let app = Arc::clone(self);
        self.tasks
            .spawn_on(async move { app.watch_until_stop().await }, &self.runtime);
    }

    async fn watch_until_stop(self: &Arc<Self>) {
        let mut mounts = self.mount_watch();
        let mut mounted = self.mounted();
        let mut list = Instant::now();
        loop {
            if Instant::now() >= list {
                self.list_watched().await;
                list = Instant::now() + self.rounds.interval();
            }
            let next = self.start_due().min(list);
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep_until(next) => {}
                () = self.rounds.woken() => {}
                () = changed(&mut mounts) => mounted = self.look_for_lost(mounted).await,
            }
        }
    }

    /// Where mounts can't be watched, their loss is found by the next probe.
    fn mount_watch(&self) -> Option<MountWatch> {
        self.registry.settings().mount_dir.as_ref()?;
        MountWatch::open()
            .inspect_err(
                |error| tracing::warn!(error = %Chain(error), "the table of mounts can't be watched"),
            )
            .ok()
    }

    fn mounted(&self) -> HashSet<BackendId> {
        self.registry.mounted().unwrap_or_default().into_iter().collect()
    }

    async fn list_watched(self: &Arc<Self>) {
        match self.store.tested().await {
            Ok(tested) => {
                self.rounds.replace(&tested);
                let tested: HashSet<BackendId> = tested.iter().map(|(id, _)| *id).collect();
                self.start_leaving(self.mounted().difference(&tested));
            }
            Err(error) => tracing::warn!(error = %Chain(&error), "backends to watch can't be listed"),
        }
    }

    /// Takes away mounts that nobody wants: another process on the same database deleted their backend, or changed its
    /// config, which nobody has tested since.
    fn start_leaving<'a>(self: &Arc<Self>, mounted: impl Iterator<Item = &'a BackendId>) {
        let left: Vec<BackendId> = mounted.copied().filter(|id| !self.slots.is_busy(*id)).collect();
        if left.is_empty() {
            return;
        }
        let app = Arc::clone(self);
        let work = async move {
            for id in left {
                if let Err(reason) = app.leave(id).await {
                    tracing::warn!(backend.id = %id, reason, "a mount that nobody wants any more stays for now");
                }
            }
        };
        self.tasks.spawn_on(work, &self.runtime);
    }

    async fn leave(&self, id: BackendId) -> Result<(), String> {
        let words = |error: AppError| Chain(&error).to_string();
        let slot = self.slots.of(id);
        let _gate = slot.gate(self.gate_limit()).await.map_err(words)?;
        match self.store.get(id).await {
            Ok(backend) if backend.status == BackendStatus::Offline && slot.test().is_none() => {}
            Err(StoreError::NotFound) => {}
            Ok(_) | Err(StoreError::Unreadable { .. }) => return Ok(()),
            Err(error) => return Err(Chain(&error).to_string()),
        }
        self.quiesce(&slot, id).await.map_err(words)?;
        let cx = OpContext::within(self.settings.unmount_deadline);
        self.registry.abandon(id, &cx).await?;
        tracing::info!(backend.id = %id, "a mount that nobody wants any more was taken away");
        Ok(())
    }

    /// Starts what is due, as far as there are turns; tells when to look again.
    fn start_due(self: &Arc<Self>) -> Instant {
        loop {
            let (id, turn) = match self.rounds.take() {
                Due::Now(id, turn) => (id, turn),
                Due::At(next) => return next,
            };
            let app = Arc::clone(self);
            let work = async move {
                app.watch_once(id).await;
                drop(turn);
                app.rounds.wake();
            };
            self.tasks.spawn_on(work, &self.runtime);
        }
    }

    async fn watch_once(self: &Arc<Self>, id: BackendId) {
        // Whoever works on it now tests it, or makes it another one.
        if self.slots.is_busy(id) {
            return self.rounds.put_off(id);
        }
        match self.start_unattended(id).await {
            Ok(Some(running)) => match running.ended().await {
                Some(TestEnd::Done(_)) => {}
                Some(TestEnd::Overtaken | TestEnd::NotStored(_) | TestEnd::NoTurn) | None => {
                    self.rounds.put_off(id);
                }
            },
            Ok(None) => self.rounds.forget(id),
            Err(error) => {
                tracing::debug!(backend.id = %id, error = %Chain(&error), "a backend could not be watched");
                self.rounds.put_off(id);
            }
        }
    }

    /// Sees which mounts somebody else took away; tells what is mounted now.
    async fn look_for_lost(&self, before: HashSet<BackendId>) -> HashSet<BackendId> {
        tokio::time::sleep(SETTLE).await;
        let now = self.mounted();
        for id in before.difference(&now).filter(|id| !self.slots.is_busy(**id)) {
            // Under a changed config it is offline, and after a delete it is gone: then it was this service.
            if let Ok(backend) = self.store.get(*id).await
                && backend.status == BackendStatus::Online
            {
                tracing::warn!(backend.id = %id, "a mount was taken away behind this service's back; mounting it again");
                self.rounds.hurry(*id);
            }
        }
        now
    }
}

/// Waits for ever where mounts can't be watched, or no longer.
async fn changed(mounts: &mut Option<MountWatch>) {
    let told = match mounts {
        Some(watch) => watch.changed().await,
        None => return std::future::pending().await,
    };
    if let Err(error) = told {
        tracing::warn!(error = %Chain(&error), "the table of mounts can't be watched any more");
        *mounts = None;
    }
}
