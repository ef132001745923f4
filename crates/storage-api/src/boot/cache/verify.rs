//! Reading files against their hashes, after a service did not end cleanly.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use sha2::{Digest as _, Sha256};
use storage_domain::FileHash;
use tokio::time::timeout;

use super::kept::Kept;
use super::{Cache, Held, Slot};

/// How long a client waits: it has to have its first byte soon afterwards.
const PATIENCE: Duration = Duration::from_millis(2500);
/// Bytes that are read at once, and how long they take at the least if nobody waits: 20 MiB a second.
const STEP: usize = 1 << 20;
const PACE: Duration = Duration::from_millis(50);

/// What a reading shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Damaged,
    /// It did not come to its end, or not yet.
    Unknown,
}

type Reading = Shared<BoxFuture<'static, Verdict>>;

/// Whether a file has to be read before it is served.
#[derive(Debug)]
pub(super) struct Proof {
    is_due: AtomicBool,
    /// Whether a client waits for it.
    is_urgent: AtomicBool,
    reading: Mutex<Option<Reading>>,
}

impl Proof {
    pub(super) fn new(is_due: bool) -> Self {
        Self {
            is_due: AtomicBool::new(is_due),
            is_urgent: AtomicBool::new(false),
            reading: Mutex::default(),
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.is_due.load(Ordering::Acquire)
    }
}

impl Cache {
    /// Has a file read if it has to be; waits for that as long as a client can.
    pub(super) async fn prove(self: &Arc<Self>, kept: &Arc<Kept>) -> Verdict {
        if !kept.proof.is_due() {
            return Verdict::Good;
        }
        kept.proof.is_urgent.store(true, Ordering::Relaxed);
        let verdict = timeout(PATIENCE, self.reading(kept)).await;
        verdict.unwrap_or(Verdict::Unknown)
    }

    /// Begins to read a file, or joins who does.
    fn reading(self: &Arc<Self>, kept: &Arc<Kept>) -> Reading {
        let mut reading = kept.proof.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = reading.as_ref().filter(|one| one.peek().is_none()) {
            return running.clone();
        }
        let (cache, own) = (Arc::clone(self), Arc::clone(kept));
        let read = self.tasks.spawn_blocking(move || {
            let verdict = if own.proof.is_due() {
                cache.read_all(&own)
            } else {
                Verdict::Good
            };
            match verdict {
                Verdict::Good => own.proof.is_due.store(false, Ordering::Release),
                Verdict::Damaged => cache.drop_damaged(&own),
                Verdict::Unknown => {}
            }
            verdict
        });
        let new = read
            .map(|ended| ended.unwrap_or(Verdict::Unknown))
            .boxed()
            .shared();
        *reading = Some(new.clone());
        new
    }

    fn read_all(&self, kept: &Kept) -> Verdict {
        let hash = || -> io::Result<Option<FileHash>> {
            let file = self.disk.read(kept.name, kept.meta.size())?;
            let (mut digest, mut buffer, mut at) = (Sha256::new(), vec![0; STEP], 0);
            loop {
                if self.stop.is_cancelled() {
                    return Ok(None);
                }
                let read = file.read_at(&mut buffer, at)?;
                if read == 0 {
                    return Ok(Some(<[u8; 32]>::from(digest.finalize()).into()));
                }
                digest.update(&buffer[..read]);
                at += read as u64;
                if !kept.proof.is_urgent.load(Ordering::Relaxed) {
                    thread::sleep(PACE);
                }
            }
        };
        match hash() {
            Ok(Some(hash)) if hash.to_string() == kept.meta.sha256 => Verdict::Good,
            Ok(None) => Verdict::Unknown,
            Ok(Some(_)) | Err(_) => Verdict::Damaged,
        }
    }

    /// Reads all files that have to be, the last used ones first.
    pub(super) async fn scrub(self: Arc<Self>) {
        let due = |slot: &Slot| match &slot.held {
            // Not held meanwhile, so that what is not used may go.
            Some(Held::Kept(kept)) if kept.proof.is_due() => Some((kept.used(), Arc::downgrade(kept))),
            _ => None,
        };
        let mut files: Vec<_> = self.state().slots.values().filter_map(due).collect();
        files.sort_by_key(|(used, _)| *used);
        for (_, file) in files.into_iter().rev() {
            if self.stop.is_cancelled() {
                return;
            }
            if let Some(kept) = file.upgrade() {
                self.reading(&kept).await;
            }
        }
        tracing::info!("the cache of boot files was checked after a service that did not end cleanly");
    }
}
