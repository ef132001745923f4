//! The checks of a probe, from the name of the server to the capacity.

mod export;

use std::time::Duration;

use storage_domain::{Capacity, MountInForce, Outcome, ProbeReport};

use super::messages::{
    self, ExportedOnly, Listing, NotChecked, NotMountable, Resolved, ServedUnlisted, Summary, Unproved,
};
use super::{NfsBackend, RESOLVE_DEADLINE, patience};
use crate::context::OpContext;
use crate::error::Error;
use crate::mount::outcome::{Ensured, Origin, Server};
use crate::mount::place::MountPlace;
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
        if let (true, Ok(place)) = (cx.is_light(), self.place())
            && let Some(report) = self.check_mount_only(cx, place).await?
        {
            return Ok(report);
        }
        let mut checks = Checks::new(&NAMES);
        let Some(addrs) = self.check_resolve(cx, &mut checks).await? else {
            checks.skip_rest(NotChecked::NoAddress);
            return Ok(checks.report(""));
        };
        let (answering, listing) = self.look_for_export(cx, &addrs).await?;
        let place = self.place();
        let hopeless = match &listing {
            Listing::Unreachable(_) => Some(NotChecked::Unreachable),
            Listing::NotListed { .. } if place.is_err() || !self.speaks_v4() => Some(NotChecked::NotExported),
            _ => None,
        };
        if let Some(reason) = hopeless {
            if let Ok(place) = place {
                place.note_unreachable();
            }
            checks.failed(&listing.message(&self.config));
            checks.skip_rest(reason);
            return Ok(checks.report(""));
        }
        match place {
            Err(reason) => Ok(self.without_mount(checks, &listing, reason)),
            Ok(place) => {
                let exports = checks.lap();
                let call = self.request.call(place.path(), &addrs[answering.unwrap_or(0)]);
                let server = Server {
                    addrs: &addrs,
                    connects: answering.is_some(),
                };
                let ensured = place.ensure(cx, server, &call).await?;
                Ok(self.after_mount(checks, exports, &listing, ensured))
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
    async fn check_mount_only(
        &self,
        cx: &OpContext,
        place: &MountPlace,
    ) -> Result<Option<ProbeReport>, Error> {
        let mut checks = Checks::new(&NAMES);
        let Some((entry, capacity)) = place.still_answers(cx).await? else {
            return Ok(None);
        };
        let took = checks.lap();
        for _ in ["resolve", "exports"] {
            checks.skipped(NotChecked::StillMounted);
        }
        let origin = Origin::Kept;
        let mounted = messages::Mounted {
            entry: &entry,
            origin,
        };
        checks.end_timed(took, Outcome::Passed, &mounted);
        checks.passed(Figure(&capacity));
        Ok(Some(self.mounted_report(checks, entry, Some(capacity), origin)))
    }

    fn mounted_report(
        &self,
        checks: Checks,
        entry: MountEntry,
        capacity: Option<Capacity>,
        origin: Origin,
    ) -> ProbeReport {
        let report = checks.report(Summary {
            config: &self.config,
            entry: &entry,
            capacity,
            origin,
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
    fn place(&self) -> Result<&MountPlace, NotMountable> {
        let place = self.place.as_ref().ok_or(NotMountable::SwitchedOff)?;
        if may_mount() {
            Ok(place)
        } else {
            Err(NotMountable::NoCapability)
        }
    }

    fn after_mount(
        &self,
        mut checks: Checks,
        exports: Duration,
        listing: &Listing,
        ensured: Ensured,
    ) -> ProbeReport {
        let config = &self.config;
        let is_mounted = ensured.mounted.is_ok();
        match listing {
            Listing::NotListed { .. } if is_mounted => {
                let unlisted = ServedUnlisted(&config.export_path);
                checks.end_timed(exports, Outcome::Passed, &unlisted);
            }
            listing => checks.end_timed(exports, outcome(listing), &listing.message(config)),
        }
        let measuring = checks.lap().saturating_sub(ensured.took);
        let (entry, origin) = match ensured.mounted {
            Ok(mounted) => mounted,
            Err(why) => {
                checks.end_timed(
                    ensured.took,
                    Outcome::Failed,
                    &messages::not_mounted(&why, config),
                );
                checks.skip_rest(NotChecked::NotMounted);
                return checks.report("");
            }
        };
        let mounted = messages::Mounted {
            entry: &entry,
            origin,
        };
        checks.end_timed(ensured.took, Outcome::Passed, &mounted);
        match &ensured.measured {
            Some(Ok(capacity)) => checks.end_timed(measuring, Outcome::Passed, &Figure(capacity)),
            Some(Err(why)) => {
                checks.end_timed(measuring, Outcome::Failed, &messages::not_measured(*why, config));
            }
            None => {}
        }
        let capacity = ensured.measured.and_then(Result::ok);
        self.mounted_report(checks, entry, capacity, origin)
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
