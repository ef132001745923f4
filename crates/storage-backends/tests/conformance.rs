//! The suite that every backend passes, on the fakes and on NFS where nothing is mounted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use storage_backends::testkit::FakeBackend;
use storage_backends::testkit::conformance::{Subject, run};
use storage_backends::{Backend, MountState, Registry, ScanReport, Settings};
use storage_domain::{BackendConfig, BackendId, BackendKind, Outcome, Revision};

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_fakes_keep_to_it() {
    let report = ScanReport {
        files: 10,
        directories: 2,
        templates: 3,
        ..ScanReport::default()
    };
    let healthy = FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(report, Duration::from_millis(5))
        .slow(Duration::from_millis(20));
    run(&Subject {
        healthy: Arc::new(healthy),
        unreachable: Arc::new(FakeBackend::healthy(BackendKind::Nfs).unreachable()),
        secrets: Vec::new(),
        limit: LIMIT,
    })
    .await;
}

fn nfs(server: &str) -> Arc<dyn Backend> {
    let config = json!({"server": server, "export_path": "/srv/images"});
    let config = BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap();
    Registry::new(Settings::new(None))
        .unwrap()
        .get(BackendId::generate(), Revision::FIRST, &config)
        .unwrap()
}

#[tokio::test]
async fn an_nfs_server_that_is_not_there_fails_at_a_check_that_says_so() {
    let cx = storage_backends::OpContext::within(LIMIT);
    for (server, check, says) in [
        ("127.0.0.1", "exports", "127.0.0.1"),
        ("no-such-host.invalid", "resolve", "no-such-host.invalid"),
    ] {
        let report = nfs(server).probe(&cx).await.unwrap();
        let names: Vec<_> = report.checks.iter().map(|c| c.name).collect();
        assert_eq!(names, ["resolve", "exports", "mount", "capacity"]);
        let failed = report.first_failure().unwrap();
        assert_eq!(failed.name, check, "{report:?}");
        assert!(failed.detail.contains(says), "{}", failed.detail);
        assert!(report.checks[3].outcome == Outcome::Skipped, "{report:?}");
    }
}
