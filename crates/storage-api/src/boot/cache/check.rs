//! Asking the storage whether what is held is still what it has, without a client that waits for long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use storage_backends::FileEntry;
use tokio::time::{Instant, timeout_at};

use super::super::origin::Origin;
use super::source::{Place, is_missing};
use super::{Cache, Held};
use crate::service::AppError;

/// How long the storage is not asked again about a file, whether it answered or not.
const RECHECK: Duration = Duration::from_secs(30);
/// How long after the beginning of a question its answer is waited for, if there is something to serve without it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a file is served of which the storage says that it is not there: a server may be up before its disks are.
const GRACE: Duration = Duration::from_mins(10);

/// A question that is under way, which all who wait for its answer share.
#[derive(Debug, Clone)]
pub(super) struct Check {
    begun: Instant,
    answer: Shared<BoxFuture<'static, Result<FileEntry, AppError>>>,
    /// Distinguishes it from others.
    identity: Arc<()>,
}

/// What is known of a file.
pub(super) struct Found {
    pub(super) entry: FileEntry,
    pub(super) held: Option<Held>,
    is_confirmed: bool,
}

impl Found {
    pub(super) fn origin(&self) -> Origin {
        match &self.held {
            None => Origin::Storage,
            Some(_) if !self.is_confirmed => Origin::Stale,
            Some(Held::Kept(_)) => Origin::Hit,
            Some(Held::Fill(_)) => Origin::Fill,
        }
    }
}

/// What a look into the cache gives.
enum Look {
    Known(Found),
    /// Ask first; the flag says whether there is something to serve without an answer.
    Ask(Check, bool),
}

impl Cache {
    /// Finds what is known of a file, and asks the storage if that is not known well enough.
    ///
    /// # Errors
    /// Those of the storage, if nothing is held.
    pub(super) async fn find(self: &Arc<Self>, place: &Place) -> Result<Found, AppError> {
        loop {
            match self.look(place) {
                Look::Known(found) => return Ok(found),
                Look::Ask(check, false) => {
                    return Ok(Found {
                        entry: check.answer.await?,
                        held: None,
                        is_confirmed: true,
                    });
                }
                // What it says is noted, for the next look.
                Look::Ask(check, true) => {
                    let until = check.begun + PATIENCE;
                    if timeout_at(until, check.answer.clone()).await.is_err() {
                        self.go_without(place, &check);
                    }
                }
            }
        }
    }

    fn look(self: &Arc<Self>, place: &Place) -> Look {
        let (mut state, key) = (self.state(), place.key());
        let is_other = |held: &Held| held.config() != place.backend.config;
        let held = state.slots.get(&key).and_then(|slot| slot.held.as_ref());
        if held.is_some_and(is_other)
            && let Some(kept) = state.empty(&key)
        {
            self.remove_later(vec![kept]);
        }
        let slot = state.slots.entry(key).or_default();
        if let Some(held) = &slot.held {
            if let Held::Kept(kept) = held {
                let is_pinned = self.is_pinned(place.backend.name.as_str(), &place.path);
                kept.is_pinned.store(is_pinned, Ordering::Relaxed);
            }
            if slot.asked.is_some_and(|at| at.elapsed() < RECHECK) {
                return Look::Known(Found {
                    entry: held.entry().clone(),
                    held: Some(held.clone()),
                    is_confirmed: slot.is_confirmed,
                });
            }
        }
        let running = slot
            .check
            .as_ref()
            .filter(|check| check.answer.peek().is_none())
            .cloned();
        let check = running.unwrap_or_else(|| self.ask(place));
        slot.check = Some(check.clone());
        Look::Ask(check, slot.held.is_some())
    }

    fn ask(self: &Arc<Self>, place: &Place) -> Check {
        let (cache, place, identity) = (Arc::clone(self), place.clone(), Arc::new(()));
        let own = Arc::clone(&identity);
        let task = self.tasks.spawn(async move {
            let answer = tokio::select! {
                () = cache.stop.cancelled() => Err(AppError::ShuttingDown),
                answer = cache.source.stat(&place) => answer,
            };
            cache.note(&place, &own, &answer);
            answer
        });
        let answer = task.map(|ended| ended.unwrap_or(Err(AppError::Task("the question"))));
        Check {
            begun: Instant::now(),
            answer: answer.boxed().shared(),
            identity,
        }
    }

    /// Notes what the storage said of a file, if it is still asked.
    fn note(self: &Arc<Self>, place: &Place, identity: &Arc<()>, answer: &Result<FileEntry, AppError>) {
        let (mut state, key) = (self.state(), place.key());
        let Some(slot) = state.slots.get_mut(&key) else {
            return;
        };
        if slot
            .check
            .take_if(|check| Arc::ptr_eq(&check.identity, identity))
            .is_none()
        {
            return;
        }
        slot.asked = Some(Instant::now());
        slot.is_confirmed = false;
        let Some(held) = &slot.held else {
            state.slots.remove(&key);
            return;
        };
        let is_gone = match answer {
            Ok(entry) if held.is_version(entry) => {
                (slot.is_confirmed, slot.missing) = (true, None);
                false
            }
            Ok(_) => true,
            Err(error) if is_missing(error) => {
                let is_pinned = matches!(held, Held::Kept(kept) if kept.is_pinned.load(Ordering::Relaxed));
                let since = *slot.missing.get_or_insert_with(|| {
                    tracing::warn!(
                        backend.id = %key.0, path = %key.1, pinned = is_pinned,
                        "a cached boot file is not at its storage any more; it is served for ten minutes, and if it is pinned for good"
                    );
                    Instant::now()
                });
                !is_pinned && since.elapsed() >= GRACE
            }
            Err(_) => false,
        };
        if is_gone && let Some(kept) = state.empty(&key) {
            self.remove_later(vec![kept]);
        }
    }

    /// Serves what is held although the storage gave no answer in time. Others don't wait for it before the next question.
    fn go_without(&self, place: &Place, check: &Check) {
        if let Some(slot) = self.state().slots.get_mut(&place.key())
            && let Some(own) = &slot.check
            && Arc::ptr_eq(&own.identity, &check.identity)
        {
            (slot.asked, slot.is_confirmed) = (Some(Instant::now()), false);
        }
    }

    /// Has the storage asked before a file is served again, because it was another one when it was opened.
    pub(super) fn doubt(&self, place: &Place) {
        if let Some(slot) = self.state().slots.get_mut(&place.key()) {
            slot.asked = None;
        }
    }
}
