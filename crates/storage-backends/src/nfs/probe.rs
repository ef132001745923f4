//! The checks of a probe, from the name of the server to the capacity.

mod export;

use std::time::Duration;

use storage_domain::{Capacity, MountInForce, MountPoint, Outcome, ProbeReport};

use super::live::{Mounted, Tried};
use super::messages::{
    self, ExportedOnly, How, Listing, NotChecked, NotMountable, Resolved, ServedUnlisted, Summary, Unproved,
};
use super::{NfsBackend, RESOLVE_DEADLINE, patience};
use crate::context::OpContext;
use crate::error::Error;
use crate::mount::table::MountEntry;
use crate::net::Permitted;
use crate::probe::{Checks, Figure};

/// The capability that mount(2) asks for (capabilities(7)), as a bit of the sets in `/proc/self/status`.
const CAP_SYS_ADMIN: u32 = 21;

/// The names of the checks, in order. Every report has all of them.
const NAMES: [&str; 4] = ["resolve", "exports", "mount", "capacity"];

impl NfsBackend {
    /// Makes the checks of a probe.
    pub(super) async fn run_checks(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        if let (true, Ok(at)) = (cx.is_light(), self.place())
            && let Some(report) = self.check_mount_only(cx, at).await?
        {
            return Ok(report);
        }
        let mut checks = Checks::new(&NAMES);
        let Some(mut addrs) = self.check_resolve(cx, &mut checks).await? else {
            checks.skip_rest(NotChecked::NoAddress);
            return Ok(checks.report(""));
        };
        let (chosen, listing) = self.look_for_export(cx, &addrs).await?;
        addrs.swap(0, chosen);
        let place = self.place();
        let hopeless = match &listing {
            Listing::Unreachable(_) => Some(NotChecked::Unreachable),
            Listing::NotListed { .. } if place.is_err() || !self.speaks_v4() => Some(NotChecked::NotExported),
            _ => None,
        };
        if let Some(reason) = hopeless {
            checks.failed(&listing.message(&self.config));
            checks.skip_rest(reason);
            return Ok(checks.report(""));
        }
        match place {
            Err(reason) => Ok(self.without_mount(checks, &listing, reason)),
            Ok(at) => {
                let exports = checks.lap();
                let tried = self.mount_and_measure(cx, at, &addrs).await?;
                Ok(self.after_mount(checks, exports, &listing, tried))
            }
        }
    }

    /// Builds the report of a process that can't mount, so that the export list alone decides.
    fn without_mount(&self, mut checks: Checks, listing: &Listing, reason: NotMountable) -> ProbeReport {
        let config = &self.config;
        if outcome(listing) == Outcome::Passed {
            checks.passed(listing.message(config));
        } else {
            checks.failed(&Unproved {
                listing,
                config,
                reason,
            });
        }
        checks.skip_rest(NotChecked::NotMountable(reason));
        checks.report(ExportedOnly { config, reason })
    }

    /// Checks only that the export is mounted and answers; `None` if it does not.
    async fn check_mount_only(&self, cx: &OpContext, at: &MountPoint) -> Result<Option<ProbeReport>, Error> {
        let mut checks = Checks::new(&NAMES);
        let Some((entry, capacity)) = self.still_answers(cx, at).await? else {
            return Ok(None);
        };
        let took = checks.lap();
        for _ in ["resolve", "exports"] {
            checks.skipped(NotChecked::StillMounted);
        }
        let how = How::Already;
        checks.end_timed(took, Outcome::Passed, &messages::Mounted { entry: &entry, how });
        checks.passed(Figure(&capacity));
        Ok(Some(self.mounted_report(checks, entry, Some(capacity), how)))
    }

    fn mounted_report(
        &self,
        checks: Checks,
        entry: MountEntry,
        capacity: Option<Capacity>,
        how: How,
    ) -> ProbeReport {
        let report = checks.report(Summary {
            config: &self.config,
            entry: &entry,
            capacity,
            how,
        });
        ProbeReport {
            mount: Some(in_force(entry)),
            capacity,
            ..report
        }
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
                checks.passed(Resolved {
                    server: &self.config.server,
                    addrs: &addrs,
                });
                Ok(Some(addrs))
            }
            Err(error) => {
                checks.failed(&error.sentence("server"));
                Ok(None)
            }
        }
    }

    /// Returns the mount point, or why this process can't mount.
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
        listing: &Listing,
        tried: Tried,
    ) -> ProbeReport {
        let config = &self.config;
        let is_mounted = matches!(tried.mounted, Mounted::Yes { .. });
        match listing {
            Listing::NotListed { .. } if is_mounted => {
                let unlisted = ServedUnlisted(&config.export_path);
                checks.end_timed(exports, Outcome::Passed, &unlisted);
            }
            listing => checks.end_timed(exports, outcome(listing), &listing.message(config)),
        }
        let measuring = checks.lap().saturating_sub(tried.took);
        let (entry, how) = match tried.mounted {
            Mounted::Yes { entry, how } => (entry, how),
            Mounted::No(why) => {
                checks.end_timed(tried.took, Outcome::Failed, &why.message(config));
                checks.skip_rest(NotChecked::NotMounted);
                return checks.report("");
            }
        };
        let mounted = messages::Mounted { entry: &entry, how };
        checks.end_timed(tried.took, Outcome::Passed, &mounted);
        match &tried.measured {
            Some(Ok(capacity)) => checks.end_timed(measuring, Outcome::Passed, &Figure(capacity)),
            Some(Err(why)) => checks.end_timed(measuring, Outcome::Failed, &why.message(config)),
            None => {}
        }
        let capacity = tried.measured.and_then(Result::ok);
        self.mounted_report(checks, entry, capacity, how)
    }
}

/// Returns how the check `exports` ends if the mount adds nothing to the list.
fn outcome(listing: &Listing) -> Outcome {
    match listing {
        Listing::Listed(_) | Listing::Above => Outcome::Passed,
        Listing::NotListed { .. } | Listing::Unreachable(_) => Outcome::Failed,
        Listing::Truncated | Listing::NotAvailable(_) => Outcome::Skipped,
    }
}

/// Returns how an export is mounted, as the kernel shows it.
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

/// Reports whether this process has the capability to mount.
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
