//! How long the kernel waits for a server, by the mount options (nfs(5)).

use std::time::Duration;

use storage_domain::{MountOptions, NfsConfig};

use super::messages::Warning;
use super::mount::{DEFAULT_RETRANS, DEFAULT_TIMEO, MAX_TIMEO};
use crate::mount::ensure::STATFS_DEADLINE;
use crate::mount::table::MountEntry;

/// The options that decide how a call fails if the server is down.
const FAILING: [&str; 3] = ["soft", "softerr", "hard"];

/// Returns how long the kernel asks a server before a call fails: each attempt takes one `timeo` longer than the last.
fn tenths(timeo: u64, retrans: u64) -> u64 {
    timeo.saturating_mul(retrans.saturating_add(1)).min(MAX_TIMEO)
}

/// Returns how long the kernel waits on an existing mount; `None` if it has no limit.
pub(super) fn in_force(entry: &MountEntry) -> Option<Duration> {
    let number = |key| entry.option(key).and_then(|value| value.parse().ok());
    if entry.option("soft").is_none() && entry.option("softerr").is_none() {
        return None;
    }
    Some(Duration::from_millis(
        tenths(number("timeo")?, number("retrans")?) * 100,
    ))
}

/// Warns of a config that makes the kernel wait longer than this service: its calls are ended by SIGKILL then, before
/// the kernel can report what is wrong.
pub(super) fn warning(config: &NfsConfig) -> Option<Warning> {
    let none = MountOptions::default();
    let options = config.mount_options.as_ref().unwrap_or(&none);
    if options.last_of(&FAILING) == Some("hard") {
        return Some(Warning::NoLimit(STATFS_DEADLINE));
    }
    let number = |key, default: u32| {
        let given = options.value(key).and_then(|value| value.parse().ok());
        given.unwrap_or(u64::from(default))
    };
    let (timeo, retrans) = (number("timeo", DEFAULT_TIMEO), number("retrans", DEFAULT_RETRANS));
    let kernel = Duration::from_millis(tenths(timeo, retrans) * 100);
    (kernel >= STATFS_DEADLINE).then_some(Warning::LongWait {
        options: (timeo, retrans),
        kernel,
        service: STATFS_DEADLINE,
    })
}

/// Returns the warnings about a config, one sentence each.
pub(super) fn warnings(config: &NfsConfig) -> Vec<String> {
    let warning = warning(config);
    warning.iter().map(|w| w.message(config).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::mount::table;

    fn config(options: &str) -> NfsConfig {
        let members = serde_json::json!({"server": "nas", "export_path": "/srv", "mount_options": options});
        let kind = storage_domain::BackendKind::Nfs;
        match storage_domain::BackendConfig::parse(kind, members.as_object().unwrap()) {
            Ok(storage_domain::BackendConfig::Nfs(config)) => config,
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case("vers=4.1", None)]
    #[case("timeo=60,retrans=2", None)]
    #[case("timeo=50,retrans=3", Some("50 and retrans=3 make the kernel wait 20 s"))]
    #[case("timeo=600", Some("timeo=600 and retrans=2 make the kernel wait 180 s"))]
    #[case("timeo=2147483647,retrans=9", Some("wait 600 s"))]
    #[case("soft,hard", Some("without a time limit"))]
    #[case("hard,softerr", None)]
    fn a_kernel_that_waits_longer_than_the_service_is_reported(
        #[case] options: &str,
        #[case] part: Option<&str>,
    ) {
        let warnings = warnings(&config(options));
        assert_eq!(warnings.len(), usize::from(part.is_some()), "{warnings:?}");
        assert!(
            warnings.iter().all(|w| part.is_some_and(|p| w.contains(p))),
            "{warnings:?}"
        );
    }

    #[rstest]
    #[case("ro,vers=4.1,softerr,timeo=50,retrans=2", Some(15))]
    #[case("ro,vers=3,soft,timeo=600,retrans=2", Some(180))]
    #[case("ro,vers=4.2,hard,timeo=600,retrans=2", None)]
    fn the_options_in_force_set_the_limit(#[case] options: &str, #[case] seconds: Option<u64>) {
        let line = format!("36 25 0:32 / /m ro - nfs4 nas:/srv {options}\n");
        let entry = table::parse(line.as_bytes()).pop().unwrap();
        assert_eq!(in_force(&entry), seconds.map(Duration::from_secs));
    }
}
