//! The checks of a probe, from the name of the server to the capacity.

mod export;
mod report;

use storage_domain::{Outcome, ProbeReport};

use self::report::Ended;
use super::messages::{self, Listing, Measured, NotChecked, NotMountable, NotReadable, Resolved};
use super::{NfsBackend, RESOLVE_DEADLINE};
use crate::context::OpContext;
use crate::error::Error;
use crate::mount::outcome::{Origin, Server};
use crate::mount::place::MountPlace;
use crate::net::Permitted;
use crate::probe::Checks;

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
            Listing::NotListed { .. } if !self.speaks_v4() => Some(NotChecked::NotExported),
            Listing::NotListed { .. } if place.is_err() && !listing.has_alias() => {
                Some(NotChecked::NotExported)
            }
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
                let measuring = checks.lap().saturating_sub(ensured.took);
                let unreadable = match ensured.measured {
                    Some(Ok(_)) => self.find_unreadable(cx, place).await?,
                    _ => None,
                };
                let ended = Ended {
                    ensured,
                    measuring,
                    unreadable,
                };
                Ok(self.after_mount(checks, exports, &listing, ended))
            }
        }
    }

    /// Returns why the files of the mount can't be read: it can be mounted all the same.
    async fn find_unreadable(
        &self,
        cx: &OpContext,
        place: &MountPlace,
    ) -> Result<Option<NotReadable>, Error> {
        let found = place.unreadable(cx).await?;
        Ok(found.map(|what| NotReadable::new(what, &self.config)))
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
        let unreadable = self.find_unreadable(cx, place).await?;
        for _ in ["resolve", "exports"] {
            checks.skipped(NotChecked::StillMounted);
        }
        let origin = Origin::Kept;
        let mounted = messages::Mounted {
            entry: &entry,
            origin,
            unreadable,
        };
        checks.end_timed(took, Outcome::Passed, &mounted);
        let capacity = capacity.known();
        checks.passed(Measured(capacity));
        Ok(Some(
            self.mounted_report(checks, entry, capacity, origin, unreadable),
        ))
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
