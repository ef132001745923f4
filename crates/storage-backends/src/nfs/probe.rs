//! The checks of a probe, in the order in which a person would make them.

use std::pin::pin;
use std::time::Instant;

use storage_domain::nfs::NfsVersion;
use storage_domain::{Capacity, Check, MountPoint, Outcome, ProbeReport};

use super::exports::{self, ExportList, ExportsError};
use super::live::{Measured, Mounted};
use super::preflight::{self, ConnectError, ResolveError, ScopedAddr};
use super::{NfsBackend, words};
use crate::context::OpContext;
use crate::error::BackendError;

/// The port of NFS (RFC 7530, section 3.1), where the options name no other.
const NFS_PORT: u16 = 2049;
/// The capability that mount(2) asks for (capabilities(7)), as a bit of the sets in `/proc/self/status`.
const CAP_SYS_ADMIN: u32 = 21;

/// What is known of the export before it is mounted.
enum Export {
    /// The server lists it.
    Listed(String),
    /// The server's list does not have it.
    NotListed(String),
    /// There is no list to look into.
    Unknown(String),
    /// The server can't be reached at all.
    Unreachable(String),
}

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
            summary,
            duration: std::time::Duration::ZERO,
        }
    }
}

impl NfsBackend {
    pub(super) async fn run_checks(&self, cx: &OpContext) -> Result<ProbeReport, BackendError> {
        let mut checks = Checks::default();
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

    async fn check_resolve(
        &self,
        cx: &OpContext,
        checks: &mut Checks,
    ) -> Result<Option<Vec<ScopedAddr>>, BackendError> {
        let begun = Instant::now();
        match preflight::resolve(cx, &self.config.server).await {
            Ok(addrs) => {
                let detail = words::resolved(&self.config.server, &addrs);
                checks.add("resolve", Outcome::Passed, detail, begun);
                Ok(Some(addrs))
            }
            Err(ResolveError::Cancelled { .. }) => Err(BackendError::Cancelled {
                what: "the name look-up",
            }),
            Err(error) => {
                checks.add("resolve", Outcome::Failed, words::chain(&error), begun);
                Ok(None)
            }
        }
    }

    /// Asks for the export list and tries NFS's port at once, so that a dead host costs one time limit. Tells which of
    /// the addresses answers.
    async fn look_for_export(
        &self,
        cx: &OpContext,
        addrs: &[ScopedAddr],
    ) -> Result<(usize, Export), BackendError> {
        let server = &self.config.server;
        let Some(first) = addrs.first() else {
            return Ok((0, Export::Unreachable(words::NO_ADDRESS.to_owned())));
        };
        let mut reach = pin!(self.reach(cx, addrs));
        let mut list = pin!(exports::list(cx, server, first));
        let (reached, early) = tokio::select! {
            reached = &mut reach => (reached, None),
            early = &mut list => (reach.await, Some(early)),
        };
        let (chosen, error) = match reached {
            Ok(chosen) => (chosen, None),
            Err(ConnectError::Cancelled { .. }) => {
                return Err(BackendError::Cancelled { what: "connecting" });
            }
            Err(error) => (0, Some(error)),
        };
        let unreachable = |error| Export::Unreachable(words::unreachable(server, error));
        if let Some(error) = error.as_ref().filter(|e| self.needs_port(e)) {
            return Ok((0, unreachable(error)));
        }
        let list = match early {
            _ if chosen > 0 => exports::list(cx, server, &addrs[chosen]).await,
            Some(early) => early,
            None => list.await,
        };
        match &error {
            // Version 3 asks the server for its port, which may be another: the export list tells.
            Some(error) if list.is_err() => Ok((0, unreachable(error))),
            _ => Ok((chosen, self.judge(list)?)),
        }
    }

    /// The first of the addresses at which NFS's port answers.
    async fn reach(&self, cx: &OpContext, addrs: &[ScopedAddr]) -> Result<usize, ConnectError> {
        if self
            .wanted
            .options()
            .value("proto")
            .is_some_and(|p| p.starts_with("rdma"))
        {
            return Ok(0);
        }
        let port = self
            .wanted
            .options()
            .value("port")
            .and_then(|p| p.parse().ok())
            .unwrap_or(NFS_PORT);
        let tries = addrs.iter().map(|addr| preflight::connect(cx, addr, port));
        let mut first_error = None;
        for (i, tried) in futures_util::future::join_all(tries)
            .await
            .into_iter()
            .enumerate()
        {
            match tried {
                Ok(_) => return Ok(i),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(0), Err)
    }

    /// Whether a mount is hopeless where NFS's port does not answer.
    fn needs_port(&self, error: &ConnectError) -> bool {
        let options = self.wanted.options();
        let asks_for_port = options.versions().contains(&NfsVersion::V3) && !options.has("port");
        !asks_for_port || matches!(error, ConnectError::Unreachable { .. })
    }

    fn speaks_v4(&self) -> bool {
        self.wanted
            .options()
            .versions()
            .iter()
            .any(|v| *v != NfsVersion::V3)
    }

    fn judge(&self, list: Result<ExportList, ExportsError>) -> Result<Export, BackendError> {
        let list = match list {
            Ok(list) => list,
            Err(ExportsError::Cancelled) => {
                return Err(BackendError::Cancelled {
                    what: "asking for the export list",
                });
            }
            Err(ExportsError::NotAvailable { reason } | ExportsError::Failed { reason }) => {
                return Ok(Export::Unknown(reason));
            }
        };
        let wanted = &self.config.export_path;
        let above = |e: &exports::Export| self.speaks_v4() && e.path.is_within(wanted);
        Ok(match list.find(wanted) {
            Some(export) => Export::Listed(words::listed(wanted, export)),
            None if list.exports.iter().any(above) => Export::Listed(words::above(wanted)),
            None if list.truncated => Export::Unknown(words::TRUNCATED.to_owned()),
            None => Export::NotListed(words::not_listed(&self.config, &list)),
        })
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
        let entry = match mounted {
            Mounted::Yes { entry, already } => {
                checks.add(
                    "mount",
                    Outcome::Passed,
                    words::mounted(&entry, already),
                    mount_begun,
                );
                entry
            }
            Mounted::No(why) => {
                checks.add("mount", Outcome::Failed, why, mount_begun);
                checks.skip(&["capacity"], words::NOT_MOUNTED);
                return checks.report(None, String::new());
            }
        };
        let capacity = match measured {
            Some(Ok(capacity)) => {
                checks.add(
                    "capacity",
                    Outcome::Passed,
                    words::capacity(&capacity),
                    mount_begun,
                );
                Some(capacity)
            }
            Some(Err(why)) => {
                checks.add("capacity", Outcome::Failed, why, mount_begun);
                None
            }
            None => None,
        };
        let summary = words::summary(&self.config, &entry, capacity.as_ref());
        checks.report(capacity, summary)
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
