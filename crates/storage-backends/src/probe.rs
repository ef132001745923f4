//! Runs the steps of a probe in order, times each, and builds the report.

use std::fmt;
use std::time::{Duration, Instant};

use storage_domain::{Check, FindingId, Outcome, ProbeReport};

use crate::context::OpContext;
use crate::error::Error;

/// Describes what a check found: `{}` is the sentence for users, `{:#}` the same without figures.
///
/// Two findings with the same `{:#}` say the same to a person. A figure is a number that changes while nothing is wrong,
/// such as a size; most findings have none, and write both forms alike.
pub(crate) trait Finding: fmt::Display {}

impl<T: fmt::Display + ?Sized> Finding for T {}

/// Shows a value in `{}` and nothing in `{:#}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Figure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { Ok(()) } else { self.0.fmt(f) }
    }
}

/// Marks that a check failed and that the later ones make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Says why a check was not reached.
enum NotReached {
    After(&'static str),
    Unknown,
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(failed) => write!(f, "Not checked, because {failed} failed"),
            Self::Unknown => f.write_str("Not checked"),
        }
    }
}

/// Says that the probe's deadline passed during a check; the field is what was probed.
struct OutOfTime(&'static str);

impl fmt::Display for OutOfTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(peer) = self;
        write!(
            f,
            "The probe's time was over before this check ended: the {peer} is very slow"
        )
    }
}

/// Describes what does not work although the probe passes, with and without its figures.
#[derive(Debug)]
struct Reservation {
    sentence: String,
    identity: String,
}

/// A check that failed, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.detail)]
pub(crate) struct FailedCheck(pub(crate) Check);

/// Collects the checks of one probe.
#[derive(Debug)]
pub(crate) struct Checks {
    names: &'static [&'static str],
    done: Vec<Check>,
    failed: Option<FindingId>,
    reservation: Option<Reservation>,
    started: Instant,
    since: Instant,
}

impl Checks {
    /// Starts a probe whose checks have these names, in this order; the report has all of them.
    pub(crate) fn new(names: &'static [&'static str]) -> Self {
        let now = Instant::now();
        Self {
            names,
            done: Vec::with_capacity(names.len()),
            failed: None,
            reservation: None,
            started: now,
            since: now,
        }
    }

    /// Returns the name of the check that runs now.
    pub(crate) fn pending(&self) -> Option<&'static str> {
        self.names.get(self.done.len()).copied()
    }

    /// Returns the time since the last check ended, or since the last call, and starts the next step.
    ///
    /// For steps whose outcome is known only after later ones: see [`end_timed`](Self::end_timed).
    pub(crate) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.since, now))
    }

    /// Ends the next check, whose step took `duration`.
    pub(crate) fn end_timed(
        &mut self,
        duration: Duration,
        outcome: Outcome,
        finding: &(impl Finding + ?Sized),
    ) {
        let Some(name) = self.pending() else { return };
        if outcome == Outcome::Failed && self.failed.is_none() {
            self.failed = Some(FindingId::of(name, &format!("{finding:#}")));
        }
        self.done.push(Check {
            name,
            outcome,
            detail: finding.to_string(),
            duration,
        });
    }

    fn end(&mut self, outcome: Outcome, finding: &(impl Finding + ?Sized)) {
        let duration = self.lap();
        self.end_timed(duration, outcome, finding);
    }

    /// Ends the check that runs now: what it checked works.
    pub(crate) fn passed(&mut self, finding: impl Finding) {
        self.end(Outcome::Passed, &finding);
    }

    /// Ends the check that runs now: it was not made.
    pub(crate) fn skipped(&mut self, finding: impl Finding) {
        self.end(Outcome::Skipped, &finding);
    }

    /// Skips all checks that are left, for the same reason.
    pub(crate) fn skip_rest(&mut self, reason: impl Finding) {
        while self.pending().is_some() {
            self.end_timed(Duration::ZERO, Outcome::Skipped, &reason);
        }
    }

    /// Ends the check that runs now and, by `?`, the probe.
    pub(crate) fn failed(&mut self, finding: &(impl Finding + ?Sized)) -> Stopped {
        self.end(Outcome::Failed, finding);
        Stopped
    }

    /// Adds what does not work although the probe passes to its message, which is all that many users see.
    ///
    /// The message has room for one reservation: the first is kept. It follows the summary as a sentence of its own.
    pub(crate) fn reserve(&mut self, finding: &(impl Finding + ?Sized)) {
        self.reservation.get_or_insert_with(|| Reservation {
            sentence: finding.to_string(),
            identity: format!("{finding:#}"),
        });
    }

    /// Makes the checks of a probe; one that runs past the deadline has failed. `peer` is what is probed.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub(crate) async fn run(
        names: &'static [&'static str],
        peer: &'static str,
        cx: &OpContext,
        all: impl AsyncFnOnce(&mut Self) -> Result<(), Stopped>,
    ) -> Result<Self, Error> {
        let mut checks = Self::new(names);
        match cx.bound("the probe", all(&mut checks)).await {
            Ok(Ok(()) | Err(Stopped)) => {}
            Err(error) if error.is_timeout() => {
                checks.failed(&OutOfTime(peer));
            }
            Err(error) => return Err(error),
        }
        Ok(checks)
    }

    /// Builds the report; checks that were not reached are skipped, and say why. `summary` is the message of a probe in
    /// which nothing failed.
    pub(crate) fn report(mut self, summary: impl Finding) -> ProbeReport {
        let failed = self
            .done
            .iter()
            .rev()
            .find(|check| check.outcome == Outcome::Failed);
        let reason = failed.map_or(NotReached::Unknown, |check| NotReached::After(check.name));
        self.skip_rest(reason);
        let (mut message, mut identity) = (summary.to_string(), format!("{summary:#}"));
        if let Some(reservation) = &self.reservation {
            message = format!("{message}. {}", reservation.sentence);
            identity = format!("{identity}. {}", reservation.identity);
        }
        ProbeReport {
            finding: self.failed.unwrap_or_else(|| FindingId::of("", &identity)),
            summary: message,
            checks: self.done,
            capacity: None,
            targets: None,
            mount: None,
            warnings: Vec::new(),
            duration: self.started.elapsed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Used(&'static str, Figure<u32>);

    impl fmt::Display for Used {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}: ", self.0)?;
            self.1.fmt(f)?;
            f.write_str(" bytes used")
        }
    }

    fn passed(summary: Used) -> ProbeReport {
        let mut checks = Checks::new(&["resolve", "capacity"]);
        checks.passed("nas is 10.0.0.5");
        checks.passed(Figure(1));
        checks.report(summary)
    }

    fn failed(resolve: &str, connect: &str) -> ProbeReport {
        let mut checks = Checks::new(&["resolve", "connect", "capacity"]);
        checks.passed(resolve);
        checks.failed(connect);
        checks.report("All is well")
    }

    #[test]
    fn figures_do_not_change_the_identity() {
        let one = passed(Used("images", Figure(1)));
        let two = passed(Used("images", Figure(2)));
        assert_eq!(one.finding, two.finding);
        assert_ne!(one.message(), two.message());
        assert_ne!(one.finding, passed(Used("isos", Figure(1))).finding);
    }

    #[test]
    fn the_message_has_the_first_reservation() {
        let passed = |reservations: &[&str]| {
            let mut checks = Checks::new(&["luns"]);
            for reservation in reservations {
                checks.reserve(*reservation);
            }
            checks.passed("2 found");
            checks.report("2 can be used")
        };
        let reserved = passed(&["1 is offline", "1 is slow"]);
        assert_eq!(reserved.message(), "2 can be used. 1 is offline");
        assert_ne!(reserved.finding, passed(&[]).finding);
        assert_eq!(passed(&[]).message(), "2 can be used");
    }

    #[test]
    fn the_first_failure_is_the_identity() {
        let one = failed("nas is 10.0.0.5", "refused");
        assert_eq!(one.finding, failed("nas is 10.0.0.6", "refused").finding);
        assert_ne!(one.finding, failed("nas is 10.0.0.5", "no answer").finding);
        assert_eq!(one.message(), "refused");
        assert_eq!(one.checks[2].detail, "Not checked, because connect failed");
    }

    #[test]
    fn each_step_has_its_own_time() {
        let mut checks = Checks::new(&["mount", "capacity"]);
        let mount = Duration::from_secs(3);
        checks.end_timed(mount, Outcome::Passed, "mounted");
        checks.passed("measured");
        let report = checks.report("mounted");
        assert_eq!(report.checks[0].duration, mount);
        assert!(report.checks[1].duration < mount);
    }
}
