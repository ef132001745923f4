//! Counting a backend's files, past the end of the test that started it.

use std::sync::Arc;
use std::time::Instant;

use storage_backends::{Backend as LiveBackend, Error, ErrorKind, OpContext, ScanProgress, ScanReport};
use storage_domain::{Backend, BackendId, Check, Outcome, Revision, Stats};
use storage_persistence::Measurement;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::App;
use super::explain::explain;
use super::rounds::Count;
use super::slots::{Running, RunningScan, ScanEnd, SlotHandle};
use crate::chain::Chain;

/// The name of the check that tells what was counted.
const SCAN: &str = "scan";

/// What a count adds to a test.
pub(super) struct Counted {
    pub(super) check: Check,
    /// What the count did not see, if that matters to a person.
    pub(super) reservation: Option<String>,
}

impl App {
    /// Starts a scan, or joins the one that runs, and waits for it a little; what is told is a check of the test.
    pub(super) async fn count_files(
        self: &Arc<Self>,
        slot: &SlotHandle,
        backend: &Backend,
        live: Arc<dyn LiveBackend>,
        cancel: &CancellationToken,
    ) -> Option<Counted> {
        let started = Instant::now();
        let running = slot.scan();
        // A quiesce may have begun; it waits for this test, and then for the scan that is noted here.
        let scan = match running {
            Some(scan) => scan,
            None if cancel.is_cancelled() => return None,
            None => self.start_scan(slot, backend, live),
        };
        let end = tokio::select! {
            end = tokio::time::timeout(self.settings.scan_wait, scan.work.ended()) => end,
            () = cancel.cancelled() => Ok(None),
        };
        let mut reservation = None;
        let (outcome, detail) = match end {
            Ok(Some(ScanEnd::Counted(report))) => {
                reservation = reserved(&report);
                (Outcome::Passed, report.to_string())
            }
            Ok(Some(ScanEnd::NotCounted(reason))) => (Outcome::Skipped, reason),
            Ok(None) => (
                Outcome::Skipped,
                "The count was broken off; test again".to_owned(),
            ),
            Err(_) => (Outcome::Skipped, still_counting(&scan.progress)),
        };
        let check = Check {
            name: SCAN,
            outcome,
            detail,
            duration: started.elapsed(),
        };
        Some(Counted { check, reservation })
    }

    fn start_scan(
        self: &Arc<Self>,
        slot: &SlotHandle,
        backend: &Backend,
        live: Arc<dyn LiveBackend>,
    ) -> RunningScan {
        let (work, told) = Running::new(backend.revision, self.stopping.child_token());
        let progress = Arc::<ScanProgress>::default();
        let scan = RunningScan { work, progress };
        slot.set_scan(scan.clone());
        let app = Arc::clone(self);
        let (id, revision) = (backend.id, backend.revision);
        let (running, handle) = (scan.clone(), slot.clone());
        let run = async move {
            let end = app.scan(id, revision, live, &running).await;
            told.send_replace(Some(end));
            drop(handle);
        };
        self.tasks.spawn_on(run.in_current_span(), &self.runtime);
        scan
    }

    async fn scan(
        &self,
        id: BackendId,
        revision: Revision,
        live: Arc<dyn LiveBackend>,
        running: &RunningScan,
    ) -> ScanEnd {
        let Some(files) = live.as_tree() else {
            return ScanEnd::NotCounted("This kind of storage has no files to count".to_owned());
        };
        let cx = || {
            OpContext::within(self.registry.settings().scan_deadline).with_cancel(running.work.cancel.clone())
        };
        let counted = async {
            // A helper counts below a mount point, with a bound of its own.
            let _permit = match live.as_mount() {
                None => {
                    let permit = self.count_permits.acquire();
                    Some(cx().bound("waiting for other counts", permit).await?)
                }
                Some(_) => None,
            };
            files.scan(&cx(), Arc::clone(&running.progress)).await
        };
        let report = match counted.await {
            Ok(report) => report,
            Err(error) => return self.not_counted(id, &error),
        };
        let has_capacity = live.as_mount().is_some();
        let found = Measurement {
            stats: Stats {
                used: report.bytes.filter(|_| !has_capacity),
                total: None,
                file_count: Some(report.files),
                template_count: Some(report.templates),
                incomplete: report.incomplete(),
                skipped: report.skipped().cloned(),
            },
            ..Measurement::default()
        };
        match self.store.record(id, revision, &found).await {
            Ok(Some(_)) => {
                tracing::info!(backend.id = %id, files = report.files, errors = report.errors, "files counted");
                let count = if report.errors == 0 {
                    Count::Whole
                } else {
                    Count::Partial
                };
                self.rounds.note_counted(id, count);
                ScanEnd::Counted(Arc::new(report))
            }
            Ok(None) => ScanEnd::NotCounted("The config changed while the files were counted".to_owned()),
            Err(error) => {
                tracing::error!(backend.id = %id, error = %Chain(&error), "a count could not be stored");
                self.rounds.note_counted(id, Count::NotStored);
                ScanEnd::NotCounted("The count could not be stored; see the service's log".to_owned())
            }
        }
    }

    fn not_counted(&self, id: BackendId, error: &Error) -> ScanEnd {
        match error.kind() {
            ErrorKind::NotListable => {}
            ErrorKind::Cancelled if self.stopping.is_cancelled() => {}
            ErrorKind::Cancelled => self.rounds.note_counted(id, Count::BrokenOff),
            _ => {
                tracing::warn!(backend.id = %id, error = %Chain(error), "the files could not be counted");
                self.rounds.note_counted(id, Count::Partial);
            }
        }
        ScanEnd::NotCounted(format!("The files were not counted: {}", explain(error)))
    }
}

/// Returns the most important reservation of a count.
fn reserved(report: &ScanReport) -> Option<String> {
    let gaps = report.incomplete().map(|gaps| gaps.to_string());
    gaps.or_else(|| {
        Some(
            report
                .skipped()
                .filter(|skipped| skipped.is_notable())?
                .to_string(),
        )
    })
}

fn still_counting(progress: &ScanProgress) -> String {
    format!(
        "Still counting, {} files so far; the stats fill when it ends",
        progress.files()
    )
}
