//! The checks of a probe, in the order in which a person would make them.

mod export;

use std::time::Instant;

use storage_domain::{Capacity, Check, MountInForce, MountPoint, Outcome, ProbeReport};

use super::live::{How, Measured, Mounted};
use super::{NfsBackend, RESOLVE_DEADLINE, patience, words};
use crate::context::OpContext;
use crate::error::Error;
use crate::mount::table::MountEntry;
use crate::net::Permitted;
use export::Export;

/// The capability that mount(2) asks for (capabilities(7)), as a bit of the sets in `/proc/self/status`.
const CAP_SYS_ADMIN: u32 = 21;

/// The checks so far.
#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, name: &'static str, outcome: Outcome, detail: impl Into<String>, begun: Instant) {
        self.0.push(Check {
            name,
            outcome,
            detail: detail.into(),
            duration: begun.elapsed(),
        });
    }

    fn skip(&mut self, names: &[&'static str], reason: &str) {
        for name in names {
            self.add(name, Outcome::Skipped, reason, Instant::now());
        }
    }

    fn report(self, capacity: Option<Capacity>, summary: String) -> ProbeReport {
        ProbeReport {
            checks: self.0,
            capacity,
            targets: None,
            mount: None,
            warnings: Vec::new(),
            summary,
            duration: std::time::Duration::ZERO,
        }
    }
}

impl NfsBackend {
    pub(super) async fn run_checks(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        let mut checks = Checks::default();
        if let (true, Ok(at)) = (cx.is_light(), self.place())
            && let Some(report) = self.look_lightly(cx, at).await?
        {
            return Ok(report);
        }
        let Some(mut addrs) = self.check_resolve(cx, &mut checks).await? else {
            checks.skip(&["exports", "mount", "capacity"], words::NO_ADDRESS);
            return Ok(checks.report(None, String::new()));
        };
        let begun = Instant::now();
        let (chosen, export) = self.look_for_export(cx, &addrs).await?;
        addrs.swap(0, chosen);
        match (self.place(), export) {
            (_, Export::Unreachable(why)) => {
                checks.add("exports", Outcome::Failed, why, begun);
                checks.skip(&["mount", "capacity"], words::UNREACHABLE);
            }
            (Err(_), Export::NotListed(why)) => {
                checks.add("exports", Outcome::Failed, why, begun);
                checks.skip(&["mount", "capacity"], words::NOT_LISTED);
            }
            (Ok(_), Export::NotListed(why)) if !self.speaks_v4() => {
                checks.add("exports", Outcome::Failed, why, begun);
                checks.skip(&["mount", "capacity"], words::NOT_LISTED);
            }
            (Err(reason), Export::Unknown(why)) => {
                checks.add("exports", Outcome::Failed, words::unproved(&why, &reason), begun);
                checks.skip(&["mount", "capacity"], &reason);
            }
            (Err(reason), Export::Listed(detail)) => {
                checks.add("exports", Outcome::Passed, detail, begun);
                checks.skip(&["mount", "capacity"], &reason);
                let summary = words::exported_only(&self.config, &reason);
                return Ok(checks.report(None, summary));
            }
            (Ok(at), export) => {
                let begun = (begun, Instant::now());
                let (mounted, measured) = self.mount_and_measure(cx, at, &addrs).await?;
                return Ok(self.after_mount(checks, begun, export, mounted, measured));
            }
        }
        Ok(checks.report(None, String::new()))
    }

    /// Where the mount is there and answers, the server is not asked for more.
    async fn look_lightly(&self, cx: &OpContext, at: &MountPoint) -> Result<Option<ProbeReport>, Error> {
        let begun = Instant::now();
        let Some((entry, capacity)) = self.still_answers(cx, at).await? else {
            return Ok(None);
        };
        let mut checks = Checks::default();
        checks.skip(&["resolve", "exports"], words::STILL_MOUNTED);
        let told = words::mounted(&entry, How::Already);
        checks.add("mount", Outcome::Passed, told, begun);
        checks.add("capacity", Outcome::Passed, capacity.to_string(), begun);
        let summary = words::summary(&self.config, &entry, Some(&capacity), How::Already);
        Ok(Some(ProbeReport {
            mount: Some(in_force(entry)),
            ..checks.report(Some(capacity), summary)
        }))
    }

    async fn check_resolve(
        &self,
        cx: &OpContext,
        checks: &mut Checks,
    ) -> Result<Option<Vec<Permitted>>, Error> {
        let begun = Instant::now();
        let look_up = self
            .network
            .resolve(self.config.server.addr(), 0, RESOLVE_DEADLINE);
        match cx.bound("the name look-up", look_up).await? {
            Ok(addrs) => {
                let detail = words::resolved(&self.config.server, &addrs);
                checks.add("resolve", Outcome::Passed, detail, begun);
                Ok(Some(addrs))
            }
            Err(error) => {
                let sentence = error.sentence("server").to_string();
                checks.add("resolve", Outcome::Failed, sentence, begun);
                Ok(None)
            }
        }
    }

    /// Where the export is to be mounted, or why it can't be.
    fn place(&self) -> Result<&MountPoint, String> {
        let at = self.at.as_ref().ok_or_else(|| words::MOUNTING_OFF.to_owned())?;
        if may_mount() {
            Ok(at)
        } else {
            Err(words::NO_CAPABILITY.to_owned())
        }
    }

    fn after_mount(
        &self,
        mut checks: Checks,
        (begun, mount_begun): (Instant, Instant),
        export: Export,
        mounted: Mounted,
        measured: Option<Measured>,
    ) -> ProbeReport {
        let is_mounted = matches!(mounted, Mounted::Yes { .. });
        let before = mount_begun.duration_since(begun);
        let (outcome, detail) = match export {
            Export::Listed(detail) => (Outcome::Passed, detail),
            Export::NotListed(_) if is_mounted => (Outcome::Passed, words::unlisted_but_there(&self.config)),
            Export::NotListed(why) | Export::Unreachable(why) => (Outcome::Failed, why),
            Export::Unknown(why) => (Outcome::Skipped, why),
        };
        checks.add("exports", outcome, detail, begun);
        if let Some(check) = checks.0.last_mut() {
            check.duration = before;
        }
        let (entry, how) = match mounted {
            Mounted::Yes { entry, how } => {
                checks.add("mount", Outcome::Passed, words::mounted(&entry, how), mount_begun);
                (entry, how)
            }
            Mounted::No(why) => {
                checks.add("mount", Outcome::Failed, why, mount_begun);
                checks.skip(&["capacity"], words::NOT_MOUNTED);
                return checks.report(None, String::new());
            }
        };
        let capacity = match measured {
            Some(Ok(capacity)) => {
                checks.add("capacity", Outcome::Passed, capacity.to_string(), mount_begun);
                Some(capacity)
            }
            Some(Err(why)) => {
                checks.add("capacity", Outcome::Failed, why, mount_begun);
                None
            }
            None => None,
        };
        let summary = words::summary(&self.config, &entry, capacity.as_ref(), how);
        ProbeReport {
            mount: Some(in_force(entry)),
            ..checks.report(capacity, summary)
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
