//! How many round trips a probe takes, and many probes at once.

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::iscsi::Limits;

use crate::iscsi::relay::Relay;
use crate::iscsi::tgt::Tgt;
use crate::iscsi::{CANARY, IQN, MIB, OTHER_CANARY, backend, probe, with_chap, with_mutual};

/// How many round trips a probe may take beyond those that the protocol needs.
const SLACK: usize = 5;

/// Returns the round trips that the protocol needs, whatever the number of units:
/// - the discovery: a connection, a login without security (one request), SendTargets, a logout;
/// - the session: a connection, a login (with CHAP two requests more: its algorithm, and the proof), REPORT LUNS, INQUIRY of
///   all units at once, READ CAPACITY of all disks at once, a logout.
///
/// Beyond that a login has a stage of security, and commands are sent once more if the unit has a UNIT ATTENTION, as all
/// of tgt's have after a login.
fn needed(chap: bool) -> usize {
    let discovery = 1 + 1 + 1 + 1;
    let session = 1 + 1 + if chap { 2 } else { 0 } + 1 + 1 + 1 + 1;
    discovery + session
}

#[rstest]
#[case::one_disk(1, json!({"iqn": IQN}))]
#[case::all_targets(1, json!({}))]
#[case::chap(1, with_chap(CANARY))]
#[case::mutual(1, with_mutual(CANARY, OTHER_CANARY))]
#[case::many_disks(30, json!({"iqn": IQN}))]
#[tokio::test]
async fn a_probe_takes_few_round_trips(#[case] disks: u32, #[case] config: Value) {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    for lun in 1..=disks {
        tgt.lun(1, lun, MIB);
    }
    tgt.open(1);
    let chap = config["chap_enabled"] == true;
    if chap {
        tgt.account(1, "ops", CANARY, false);
        tgt.account(1, "nas", OTHER_CANARY, true);
    }
    let relay = Relay::start(tgt.port);
    let report = probe(&backend(relay.port, config, Limits::default())).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(relay.connections(), 2);
    assert!(relay.is_logged_out());
    let (taken, needed) = (relay.round_trips(), needed(chap));
    assert!(
        (needed..=needed + SLACK).contains(&taken),
        "{taken} round trips, {needed} are needed"
    );
    tgt.is_left().await;
}

/// A session has a connection of its own (RFC 7143, section 4.2.3), which two probes can't share.
#[tokio::test]
async fn a_hundred_probes_at_once_all_pass() {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, MIB);
    tgt.open(1);
    tgt.account(1, "ops", CANARY, false);
    let subject = backend(tgt.port, with_chap(CANARY), Limits::default());
    let reports = join_all((0..100).map(|_| probe(&subject))).await;
    for report in &reports {
        assert!(report.passed(), "{report:#?}");
        assert_eq!(report.capacity.unwrap().total.get(), MIB);
    }
    tgt.is_left().await;
}
