//! The steps of a probe, in order, with what each of them found.

use std::time::{Duration, Instant};

use storage_domain::{Check, Outcome};

use crate::error::Error;

/// A check failed, and those after it make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// The checks of one probe as they are made.
#[derive(Debug)]
pub(crate) struct Checks {
    names: &'static [&'static str],
    done: Vec<Check>,
    since: Instant,
}

impl Checks {
    /// None made yet. `names` are the checks in the order in which they run; the report has all of them.
    pub(crate) fn of(names: &'static [&'static str]) -> Self {
        Self {
            names,
            done: Vec::with_capacity(names.len()),
            since: Instant::now(),
        }
    }

    /// Ends the check that is under way, which is the next of the names.
    fn end(&mut self, outcome: Outcome, detail: String) {
        let Some(name) = self.pending() else { return };
        self.done.push(Check {
            name,
            outcome,
            detail,
            duration: self.since.elapsed(),
        });
        self.since = Instant::now();
    }

    pub(crate) fn passed(&mut self, detail: impl Into<String>) {
        self.end(Outcome::Passed, detail.into());
    }

    pub(crate) fn skipped(&mut self, detail: impl Into<String>) {
        self.end(Outcome::Skipped, detail.into());
    }

    /// Ends the check and, by `?`, the probe.
    pub(crate) fn failed(&mut self, detail: &(impl ToString + ?Sized)) -> Stopped {
        self.end(Outcome::Failed, detail.to_string());
        Stopped
    }

    /// The check that is under way.
    pub(crate) fn pending(&self) -> Option<&'static str> {
        self.names.get(self.done.len()).copied()
    }

    /// All checks of a probe that ran under its time limit; where the time was over first, the check that was under
    /// way has failed. `who` is what was probed.
    ///
    /// # Errors
    /// Whatever else kept the probe from its end.
    pub(crate) fn settle(
        mut self,
        ended: Result<Result<(), Stopped>, Error>,
        who: &str,
    ) -> Result<Vec<Check>, Error> {
        match ended {
            Ok(Ok(()) | Err(Stopped)) => {}
            Err(error) if error.is_timeout() => {
                self.failed(&format!(
                    "The probe's time was over before this check had ended: the {who} is very slow"
                ));
            }
            Err(error) => return Err(error),
        }
        Ok(self.finish())
    }

    /// All checks; those that were not reached are skipped, and say why.
    pub(crate) fn finish(mut self) -> Vec<Check> {
        let failed = self
            .done
            .iter()
            .rev()
            .find(|check| check.outcome == Outcome::Failed);
        let reason = failed.map_or_else(
            || "Not checked".to_owned(),
            |check| format!("Not checked, because {} failed", check.name),
        );
        for name in &self.names[self.done.len()..] {
            self.done.push(Check {
                name,
                outcome: Outcome::Skipped,
                detail: reason.clone(),
                duration: Duration::ZERO,
            });
        }
        self.done
    }
}
