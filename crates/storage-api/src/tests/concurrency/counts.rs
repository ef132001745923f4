//! Counts of files, beside tests and changes.

use std::time::Duration;

use serde_json::json;
use storage_backends::testkit::FakeBackend;
use storage_backends::{MountState, ScanReport};
use storage_domain::BackendKind;

use super::{PATIENCE, api_over, id_of, until};
use crate::service::{AppError, Permit};

pub(super) fn report(files: u64) -> ScanReport {
    ScanReport {
        files,
        directories: 1,
        ..ScanReport::default()
    }
}

#[actix_web::test]
async fn a_long_scan_goes_on_after_its_test() {
    let long = FakeBackend::healthy(BackendKind::Nfs).with_tree(report(40), Duration::from_millis(2500));
    let (api, calls) = api_over(long).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let test = format!("{path}/test");
    let tested = api.call("POST", &test, None).await;
    let scan = &tested.data()["checks"][1];
    assert_eq!(scan["outcome"], "skipped");
    assert_eq!(
        scan["detail"],
        "Still counting, 20 files so far; the stats fill when it ends"
    );
    let stats = api.call("GET", &path, None).await.data()["stats"].clone();
    assert_eq!(
        (&stats["used_bytes"], &stats["file_count"]),
        (&json!(1_u64 << 30), &json!(0))
    );
    api.call("POST", &test, None).await;
    assert_eq!(calls.scans(), 1, "no second scan of the same config");
    until("the count", async || {
        api.call("GET", &path, None).await.data()["stats"]["file_count"] == 40
    })
    .await;
}

#[actix_web::test]
async fn a_change_ends_the_scan_of_the_old_config() {
    let endless = FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(report(40), Duration::from_hours(1));
    let (api, calls) = api_over(endless).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested.data()["success"], true);
    assert_eq!(calls.under_way(), 1);
    assert_eq!(
        api.call("PATCH", &path, Some(json!({"config": {"server": "other"}})))
            .await
            .status,
        200
    );
    assert_eq!((calls.under_way(), calls.unmounts().len()), (0, 1));
    api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(calls.scans(), 2);
    api.app.shutdown(PATIENCE).await;
    assert_eq!(calls.under_way(), 0);
    assert_eq!(calls.unmounts().len(), 2, "the stop unmounts");
    assert!(matches!(
        api.app.test(id_of(&path), Permit::none(), |_| ()).await,
        Err(AppError::ShuttingDown)
    ));
}
