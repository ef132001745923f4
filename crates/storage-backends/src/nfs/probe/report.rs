//! The reports of a probe, and how its checks agree.

use std::time::Duration;

use nix::errno::Errno;
use storage_domain::nfs::NfsVersion;
use storage_domain::{Capacity, MountInForce, MountOptions, NfsConfig, Outcome, ProbeReport};

use crate::helper::protocol::Step;
use crate::mount::outcome::{Ensured, NotMounted, Origin};
use crate::mount::table::MountEntry;
use crate::nfs::messages::{
    self, Explanation, ExportedOnly, Listing, Measured, NotChecked, NotMountable, NotReadable,
    ServedUnlisted, Summary, Unproved,
};
use crate::nfs::{NfsBackend, patience};
use crate::probe::Checks;

/// How a mount was ensured, and what was asked of it then.
pub(super) struct Ended {
    pub(super) ensured: Ensured,
    /// The time that the capacity took.
    pub(super) measuring: Duration,
    pub(super) unreadable: Option<NotReadable>,
}

impl NfsBackend {
    /// Builds the report of a process that can't mount, so that the export list alone decides.
    pub(super) fn without_mount(
        &self,
        mut checks: Checks,
        listing: &Listing,
        reason: NotMountable,
    ) -> ProbeReport {
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

    pub(super) fn mounted_report(
        &self,
        checks: Checks,
        entry: MountEntry,
        capacity: Option<Capacity>,
        origin: Origin,
        unreadable: Option<NotReadable>,
    ) -> ProbeReport {
        let report = checks.report(Summary {
            config: &self.config,
            entry: &entry,
            capacity,
            origin,
            unreadable,
        });
        ProbeReport {
            mount: Some(in_force(entry)),
            capacity,
            ..report
        }
    }

    pub(super) fn after_mount(
        &self,
        mut checks: Checks,
        exports: Duration,
        listing: &Listing,
        mount: Ended,
    ) -> ProbeReport {
        let config = &self.config;
        let Ended {
            ensured,
            measuring,
            unreadable,
        } = mount;
        let explanation = ensured.mounted.as_ref().err();
        let explanation = explanation.and_then(|why| explain(listing, why, config));
        match (listing, explanation.as_ref().and_then(Explanation::of_exports)) {
            (Listing::NotListed { .. }, _) if ensured.mounted.is_ok() => {
                let path = &config.export_path;
                checks.end_timed(exports, Outcome::Passed, &ServedUnlisted { path, listing });
            }
            (_, Some(message)) => checks.end_timed(exports, outcome(listing), &message),
            _ => checks.end_timed(exports, outcome(listing), &listing.message(config)),
        }
        let (entry, origin) = match ensured.mounted {
            Ok(mounted) => mounted,
            Err(why) => {
                if let Some(explanation) = &explanation {
                    checks.end_timed(ensured.took, Outcome::Failed, explanation);
                } else {
                    let why = messages::not_mounted(&why, config);
                    checks.end_timed(ensured.took, Outcome::Failed, &why);
                }
                checks.skip_rest(NotChecked::NotMounted);
                return checks.report("");
            }
        };
        let mounted = messages::Mounted {
            entry: &entry,
            origin,
            unreadable,
        };
        checks.end_timed(ensured.took, Outcome::Passed, &mounted);
        let capacity = match ensured.measured {
            Some(Ok(capacity)) => {
                let capacity = capacity.known();
                checks.end_timed(measuring, Outcome::Passed, &Measured(capacity));
                capacity
            }
            Some(Err(why)) => {
                checks.end_timed(measuring, Outcome::Failed, &messages::not_measured(why, config));
                None
            }
            None => None,
        };
        self.mounted_report(checks, entry, capacity, origin, unreadable)
    }
}

/// Explains a failed mount by what is known of the export list.
fn explain<'a>(listing: &'a Listing, why: &NotMounted, config: &'a NfsConfig) -> Option<Explanation<'a>> {
    let (errno, is_v3) = match why {
        NotMounted::Failed(failure) if failure.step == Step::Mount => {
            let version = failure.label.as_deref();
            (
                Errno::from_raw(failure.errno),
                version == Some(NfsVersion::V3.as_str()),
            )
        }
        NotMounted::Hung(_) => {
            let none = MountOptions::default();
            let options = config.mount_options.as_ref().unwrap_or(&none);
            (Errno::ETIMEDOUT, options.versions() == [NfsVersion::V3])
        }
        _ => return None,
    };
    match listing {
        Listing::Listed { v4_paths: paths, .. } if !is_v3 && errno == Errno::ENOENT && !paths.is_empty() => {
            Some(Explanation::OtherV4Path { config, paths })
        }
        // Without the port of the mount daemon, version 3 asks as showmount does.
        Listing::NotAvailable(list) if is_v3 && list.is_unanswered() && is_unanswered(errno) => {
            Some(Explanation::NoMountd(list))
        }
        _ => None,
    }
}

/// Reports whether a mount failed because a daemon did not answer or is not registered.
fn is_unanswered(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ECONNREFUSED | Errno::ETIMEDOUT | Errno::EIO | Errno::EHOSTUNREACH | Errno::EOPNOTSUPP
    )
}

/// Returns how the check `exports` ends if the mount adds nothing to the list.
fn outcome(listing: &Listing) -> Outcome {
    match listing {
        Listing::Listed { .. } | Listing::Above => Outcome::Passed,
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

#[cfg(test)]
mod tests;
