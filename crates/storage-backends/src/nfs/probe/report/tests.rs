use rstest::rstest;
use storage_domain::{BackendConfig, BackendId, BackendKind, ByteCount, Revision};

use super::*;
use crate::helper::protocol::CallFailure;
use crate::helper::{HelperCommand, Queues};
use crate::net::ConnectError;
use crate::nfs::exports::{NoExportList, parse};
use crate::nfs::probe::NAMES;
use crate::settings::Settings;

fn backend(path: &str, options: &str) -> NfsBackend {
    let members = serde_json::json!({"server": "nas", "export_path": path, "mount_options": options});
    let config = BackendConfig::parse(BackendKind::Nfs, members.as_object().unwrap()).unwrap();
    let BackendConfig::Nfs(config) = config else {
        unreachable!()
    };
    let queue = Queues::new(HelperCommand::program("/nonexistent")).of(BackendId::generate());
    NfsBackend::new(config, Revision::FIRST, None, queue, &Settings::new(None))
}

/// Returns the report of a server that lists this, and on which a mount ends so.
fn report(backend: &NfsBackend, printed: &str, ended: Result<&str, (Errno, &str)>) -> ProbeReport {
    measured(backend, printed, ended, None)
}

fn measured(
    backend: &NfsBackend,
    printed: &str,
    ended: Result<&str, (Errno, &str)>,
    capacity: Option<Capacity>,
) -> ProbeReport {
    let listing = backend.find_export(Ok(parse(printed.as_bytes()))).unwrap();
    ended_with(backend, &listing, ended, capacity)
}

fn ended_with(
    backend: &NfsBackend,
    listing: &Listing,
    ended: Result<&str, (Errno, &str)>,
    capacity: Option<Capacity>,
) -> ProbeReport {
    let mounted = match ended {
        Ok(line) => Ok((
            crate::mount::table::parse(line.as_bytes()).remove(0),
            Origin::Made,
        )),
        Err((errno, version)) => Err(NotMounted::Failed(CallFailure {
            step: Step::Mount,
            errno: errno as i32,
            label: Some(version.to_owned()),
        })),
    };
    let ended = Ended {
        ensured: Ensured {
            measured: capacity.map(Ok),
            mounted,
            took: Duration::ZERO,
        },
        measuring: Duration::ZERO,
        unreadable: None,
    };
    let mut checks = Checks::new(&NAMES);
    checks.passed("nas is 10.0.0.5");
    backend.after_mount(checks, Duration::ZERO, listing, ended)
}

#[rstest]
#[case::fsid_0(
    "/srv/exp/images",
    "vers=4.1",
    "/srv/exp *\n/srv/exp/images *",
    "to /images if the root is /srv/exp; or clear mount_options"
)]
#[case::below(
    "/srv/exp/images/x",
    "vers=4.2",
    "/srv/exp *",
    "to /images/x if the root is /srv/exp; or clear"
)]
#[case::pseudo(
    "/mem/images",
    "vers=4",
    "/mem/images *",
    "to /images if the root is /mem, or to / if the root is /mem/images; or"
)]
#[case::every_version("/srv/exp/images", "rw", "/srv/exp *", "to /images if the root is /srv/exp")]
fn another_path_of_v4_is_named(
    #[case] path: &str,
    #[case] options: &str,
    #[case] printed: &str,
    #[case] advice: &str,
) {
    let report = report(&backend(path, options), printed, Err((Errno::ENOENT, "4.1")));
    assert!(report.message().contains(advice), "{}", report.message());
    assert_eq!(
        report.message().contains("version 3"),
        options != "rw",
        "{}",
        report.message()
    );
    let exports = &report.checks[1];
    assert_eq!(exports.outcome, Outcome::Passed);
    assert!(
        exports.detail.contains("NFSv4 has no such path"),
        "{}",
        exports.detail
    );
}

#[rstest]
#[case::denied(Errno::EACCES, "4.1")]
#[case::version_3(Errno::ENOENT, "3")]
fn another_failure_is_not_about_the_path(#[case] errno: Errno, #[case] version: &str) {
    let backend = backend("/srv/exp/images", "");
    let report = report(&backend, "/srv/exp *", Err((errno, version)));
    assert!(!report.message().contains("root"), "{}", report.message());
    assert_eq!(
        report.checks[1].detail,
        "The server exports /srv/exp to *, which contains /srv/exp/images"
    );
}

#[test]
fn a_path_that_only_v4_has_is_explained() {
    let backend = backend("/images", "vers=4.1");
    let line = "36 25 0:32 / /m ro - nfs4 nas:/images ro,vers=4.1\n";
    let report = report(&backend, "/srv/exp *\n/srv/exp/images *", Ok(line));
    assert!(report.passed(), "{}", report.message());
    assert!(
        report.checks[1].detail.ends_with("probably for /srv/exp/images"),
        "{}",
        report.checks[1].detail
    );
}

#[rstest]
#[case::no_blocks(0, 0, None, "The server reports no size of this file system")]
#[case::empty(0, 1 << 30, Some(1 << 30), "0 B of 1.0 GiB used")]
fn a_file_system_without_a_size_has_no_capacity(
    #[case] used: u64,
    #[case] total: u64,
    #[case] reported: Option<u64>,
    #[case] detail: &str,
) {
    let backend = backend("/srv/exp", "vers=4.1");
    let line = "36 25 0:32 / /m ro - nfs4 nas:/srv/exp ro,vers=4.1\n";
    let capacity = Capacity {
        used: ByteCount::saturating(used),
        total: ByteCount::saturating(total),
        available: ByteCount::saturating(total - used),
    };
    let report = measured(&backend, "/srv/exp *", Ok(line), Some(capacity));
    assert!(report.passed(), "{}", report.message());
    assert_eq!(report.capacity.map(|c| c.total.get()), reported);
    assert_eq!(
        report.message().contains(" used"),
        reported.is_some(),
        "{}",
        report.message()
    );
    assert_eq!(report.checks[3].detail, detail);
}

#[rstest]
#[case::mount_daemon_refuses("vers=3", Errno::ECONNREFUSED, "3", true)]
#[case::firewall_drops("vers=3", Errno::ETIMEDOUT, "3", true)]
#[case::not_registered("vers=3", Errno::EOPNOTSUPP, "3", true)]
#[case::denied("vers=3", Errno::EACCES, "3", false)]
#[case::version_4("vers=4.1", Errno::ETIMEDOUT, "4.1", false)]
fn version_3_fails_as_the_list_does(
    #[case] options: &str,
    #[case] errno: Errno,
    #[case] version: &str,
    #[case] explained: bool,
) {
    let at = (std::net::Ipv4Addr::LOCALHOST, 20048).into();
    let list = NoExportList::no_mountd("nas".parse().unwrap(), 20048, ConnectError::Refused { at });
    let listing = Listing::NotAvailable(list);
    let report = ended_with(
        &backend("/srv/exp", options),
        &listing,
        Err((errno, version)),
        None,
    );
    let message = report.message();
    assert_eq!(
        message.contains("mountd, or open port 20048"),
        explained,
        "{message}"
    );
    assert_eq!(
        message.starts_with(
            "NFS version 3 can't be mounted without rpcbind and a mount daemon. rpcbind on nas answers"
        ),
        explained,
        "{message}"
    );
}
