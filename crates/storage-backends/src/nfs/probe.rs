//! The checks of a probe, in the order in which a person would make them.

mod export;

use std::time::Duration;

use storage_domain::{MountInForce, MountPoint, Outcome, ProbeReport};

use super::live::{Mounted, Tried};
use super::words::{How, NotMountable, Summary};
use super::{NfsBackend, RESOLVE_DEADLINE, patience, words};
use crate::context::OpContext;
use crate::error::Error;
use crate::mount::table::MountEntry;
use crate::net::Permitted;
use crate::probe::{Checks, Figure};
use export::Export;

/// The capability that mount(2) asks for (capabilities(7)), as a bit of the sets in `/proc/self/status`.
const CAP_SYS_ADMIN: u32 = 21;

/// The names of the checks, in order. Every report has all of them.
const NAMES: [&str; 4] = ["resolve", "exports", "mount", "capacity"];

impl NfsBackend {
    /// Makes the checks of a probe.
    pub(super) async fn run_checks(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        if let (true, Ok(at)) = (cx.is_light(), self.place())
            && let Some(report) = self.look_lightly(cx, at).await?
        {
            return Ok(report);
        }
        let mut checks = Checks::new(&NAMES);
        let Some(mut addrs) = self.check_resolve(cx, &mut checks).await? else {
            checks.skip_rest(words::NO_ADDRESS);
            return Ok(checks.report(""));
        };
        let (chosen, export) = self.look_for_export(cx, &addrs).await?;
        addrs.swap(0, chosen);
        match (self.place(), export) {
            (_, Export::Unreachable(why)) => {
                checks.failed(&why);
                checks.skip_rest(words::UNREACHABLE);
            }
            (place, Export::NotListed(why)) if place.is_err() || !self.speaks_v4() => {
                checks.failed(&why);
                checks.skip_rest(words::NOT_LISTED);
            }
            (Err(reason), Export::Unknown(why)) => {
                checks.failed(&words::unproved(&why, reason));
                checks.skip_rest(reason);
            }
            (Err(reason), Export::Listed(detail)) => {
                checks.passed(detail);
                checks.skip_rest(reason);
                return Ok(checks.report(words::exported_only(&self.config, reason)));
            }
            // An export that is not listed was handled above if there is no place.
            (Err(reason), Export::NotListed(_)) => checks.skip_rest(reason),
            (Ok(at), export) => {
                let exports = checks.lap();
                let tried = self.mount_and_measure(cx, at, &addrs).await?;
                return Ok(self.after_mount(checks, exports, export, tried));
            }
        }
        Ok(checks.report(""))
    }

    /// Checks only that the mount is there and answers; `None` if it does not.
    async fn look_lightly(&self, cx: &OpContext, at: &MountPoint) -> Result<Option<ProbeReport>, Error> {
        let mut checks = Checks::new(&NAMES);
        let Some((entry, capacity)) = self.still_answers(cx, at).await? else {
            return Ok(None);
        };
        let took = checks.lap();
        for _ in ["resolve", "exports"] {
            checks.skipped(words::STILL_MOUNTED);
        }
        checks.end_timed(took, Outcome::Passed, &words::mounted(&entry, How::Already));
        checks.passed(Figure(&capacity));
        let summary = Summary::new(&self.config, &entry, Some(capacity), How::Already);
        Ok(Some(ProbeReport {
            mount: Some(in_force(entry)),
            capacity: Some(capacity),
            ..checks.report(summary)
        }))
    }

    async fn check_resolve(
        &self,
        cx: &OpContext,
        checks: &mut Checks,
    ) -> Result<Option<Vec<Permitted>>, Error> {
        let look_up = self
            .network
            .resolve(self.config.server.addr(), 0, RESOLVE_DEADLINE);
        match cx.bound("the name look-up", look_up).await? {
            Ok(addrs) => {
                checks.passed(words::resolved(&self.config.server, &addrs));
                Ok(Some(addrs))
            }
            Err(error) => {
                checks.failed(&error.sentence("server").to_string());
                Ok(None)
            }
        }
    }

    /// Returns the mount point, or why nothing can be mounted.
    fn place(&self) -> Result<&MountPoint, NotMountable> {
        let at = self.at.as_ref().ok_or(NotMountable::SwitchedOff)?;
        if may_mount() {
            Ok(at)
        } else {
            Err(NotMountable::NoCapability)
        }
    }

    fn after_mount(
        &self,
        mut checks: Checks,
        exports: Duration,
        export: Export,
        tried: Tried,
    ) -> ProbeReport {
        let is_mounted = matches!(tried.mounted, Mounted::Yes { .. });
        let (outcome, detail) = match export {
            Export::Listed(detail) => (Outcome::Passed, detail),
            Export::NotListed(_) if is_mounted => (Outcome::Passed, words::unlisted_but_there(&self.config)),
            Export::NotListed(why) | Export::Unreachable(why) => (Outcome::Failed, why),
            Export::Unknown(why) => (Outcome::Skipped, why),
        };
        checks.end_timed(exports, outcome, &detail);
        let measuring = checks.lap().saturating_sub(tried.took);
        let (entry, how) = match tried.mounted {
            Mounted::Yes { entry, how } => {
                checks.end_timed(tried.took, Outcome::Passed, &words::mounted(&entry, how));
                (entry, how)
            }
            Mounted::No(why) => {
                checks.end_timed(tried.took, Outcome::Failed, &why);
                checks.skip_rest(words::NOT_MOUNTED);
                return checks.report("");
            }
        };
        let capacity = match tried.measured {
            Some(Ok(capacity)) => {
                checks.end_timed(measuring, Outcome::Passed, &Figure(capacity));
                Some(capacity)
            }
            Some(Err(why)) => {
                checks.end_timed(measuring, Outcome::Failed, &why);
                None
            }
            None => None,
        };
        let summary = Summary::new(&self.config, &entry, capacity, how);
        ProbeReport {
            mount: Some(in_force(entry)),
            capacity,
            ..checks.report(summary)
        }
    }
}

/// How an export is mounted, as the kernel has it.
fn in_force(entry: MountEntry) -> MountInForce {
    let mut options: Vec<String> = Vec::new();
    for option in entry.flags.split(',').chain(entry.options.split(',')) {
        if !options.iter().any(|known| known == option) {
            options.push(option.to_owned());
        }
    }
    MountInForce {
        version: entry.option("vers").map(str::to_owned),
        read_write: entry.is_read_write(),
        gives_up_after: patience::in_force(&entry),
        options,
        source: entry.source,
    }
}

/// Whether this process has the capability to mount.
fn may_mount() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective_capabilities(&status).is_some_and(|caps| caps & (1 << CAP_SYS_ADMIN) != 0)
}

fn effective_capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::effective_capabilities;

    #[test]
    fn effective_capabilities_are_read() {
        let status = "Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000200000\n";
        assert_eq!(effective_capabilities(status), Some(1 << 21));
        assert_eq!(effective_capabilities("Name:\tx\n"), None);
    }
}
