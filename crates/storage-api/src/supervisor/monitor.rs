//! Checking backends that were tested, so that a failure is seen, and a backend that works again is used again,
//! without an operator.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use storage_backends::mount::table::MountWatch;
use storage_domain::{BackendId, BackendStatus};
use tokio::time::Instant;

use super::Supervisor;
use super::actor::{Actor, Command};
use super::event::StateChange;
use super::schedule::Due;
use crate::chain::Chain;

/// Time between two looks for rows that another program changed, which lists have to render.
const RENDER_EVERY: Duration = Duration::from_hours(1);
/// How long the table of mounts may go on changing before it is read.
const SETTLE: Duration = Duration::from_millis(100);

impl Supervisor {
    /// Checks backends until the service stops, if `watch_interval` is set.
    pub(crate) fn watch(self: &Arc<Self>) {
        if self.settings.watch_interval.is_none() {
            return;
        }
        let supervisor = Arc::clone(self);
        let work = async move { supervisor.watch_until_stop().await };
        self.tasks.spawn_on(work, &self.runtime);
    }

    async fn watch_until_stop(self: &Arc<Self>) {
        let mut mounts = self.mount_watch();
        let mut mounted = self.mounted().unwrap_or_default();
        let mut list = Instant::now();
        // The start rendered all.
        let mut render = list + RENDER_EVERY;
        loop {
            if Instant::now() >= list {
                self.list_watched().await;
                list = Instant::now() + self.schedule.interval();
            }
            if Instant::now() >= render {
                let store = self.store.clone();
                let work = async move { store.render_missing().await };
                self.tasks.spawn_on(work, &self.runtime);
                render = Instant::now() + RENDER_EVERY;
            }
            let next = self.begin_due().min(list).min(render);
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep_until(next) => {}
                () = self.schedule.woken() => {}
                () = changed(&mut mounts) => mounted = self.find_lost(mounted).await,
            }
        }
    }

    /// Opens the watch on the table of mounts. Without it, the next check finds that a mount is lost.
    fn mount_watch(&self) -> Option<MountWatch> {
        self.registry.settings().mount_dir.as_ref()?;
        MountWatch::open()
            .inspect_err(
                |error| tracing::warn!(error = %Chain(error), "the table of mounts can't be watched"),
            )
            .ok()
    }

    /// Returns the backends that are mounted; `None` if the table of mounts can't be read.
    fn mounted(&self) -> Option<HashSet<BackendId>> {
        Some(self.registry.mounted().ok()?.into_iter().collect())
    }

    async fn list_watched(self: &Arc<Self>) {
        let begun = Instant::now();
        match self.store.tested().await {
            Ok(tested) => {
                self.schedule.replace(&tested, begun);
                let tested: HashSet<BackendId> = tested.iter().map(|(id, _)| *id).collect();
                // Another process on the same database deleted their backends, or changed their configs, which were
                // not tested since.
                for id in self
                    .mounted()
                    .unwrap_or_default()
                    .difference(&tested)
                    .filter(|id| !self.is_busy(**id))
                {
                    let _ = self.post(*id, Command::Release);
                }
            }
            Err(error) => tracing::warn!(error = %Chain(&error), "backends to watch can't be listed"),
        }
    }

    /// Whether a backend has work.
    fn is_busy(&self, id: BackendId) -> bool {
        self.actors().contains_key(&id)
    }

    /// Begins the checks that are due, as far as there are permits; returns when to look again.
    fn begin_due(self: &Arc<Self>) -> Instant {
        loop {
            match self.schedule.take() {
                Due::Now(id, permit) => {
                    // If its mailbox is full, the permit comes back and the check is put off.
                    let _ = self.post(id, Command::Check(permit));
                }
                Due::At(next) => return next,
            }
        }
    }

    /// Finds the mounts that somebody else unmounted; returns what is mounted now.
    async fn find_lost(self: &Arc<Self>, before: HashSet<BackendId>) -> HashSet<BackendId> {
        tokio::time::sleep(SETTLE).await;
        let now = self.mounted();
        for id in before.iter().filter(|id| is_lost(now.as_ref(), id)) {
            let _ = self.post(*id, Command::MountLost);
        }
        now.unwrap_or(before)
    }
}

impl Actor {
    /// Mounts again what another program unmounted. After a change or a delete by this service the backend is not
    /// online, and a test that runs sees the mount by itself.
    pub(super) async fn mount_lost(&mut self) {
        if self.is_testing() || !is_lost(self.supervisor.mounted().as_ref(), &self.id) {
            return;
        }
        if let Ok(backend) = self.supervisor.store.get(self.id).await
            && backend.status == BackendStatus::Online
        {
            let events = &self.supervisor.events;
            events.publish(self.id, Some(&backend.name), StateChange::MountLost);
            self.supervisor.schedule.hurry(self.id);
        }
    }
}

/// Whether a backend is not mounted any more; nobody knows if the table of mounts can't be read (`None`).
fn is_lost(mounted: Option<&HashSet<BackendId>>, id: &BackendId) -> bool {
    mounted.is_some_and(|mounted| !mounted.contains(id))
}

/// Waits until the table of mounts changes; never ends if it can't be watched.
async fn changed(mounts: &mut Option<MountWatch>) {
    let result = match mounts {
        Some(watch) => watch.changed().await,
        None => return std::future::pending().await,
    };
    if let Err(error) = result {
        tracing::warn!(error = %Chain(&error), "the table of mounts can't be watched any more");
        *mounts = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_cannot_be_read_is_no_loss() {
        let (here, gone) = (BackendId::generate(), BackendId::generate());
        let mounted = HashSet::from([here]);
        assert!(!is_lost(Some(&mounted), &here));
        assert!(is_lost(Some(&mounted), &gone));
        assert!(!is_lost(None, &gone));
    }
}
