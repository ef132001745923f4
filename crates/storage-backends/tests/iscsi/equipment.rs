//! What arrays and small targets do that the standard does not foresee, or does not ask for.

use iscsi_initiator::Sense;
use rstest::rstest;
use serde_json::json;
use storage_domain::Outcome;

use crate::iscsi::closed::ClosedPort;
use crate::iscsi::fake::{Fake, Knobs, NoLun0};
use crate::iscsi::{IQN, check, failure};

#[rstest]
#[case::session_type(Knobs { no_discovery: Some(0x0209), ..Knobs::default() })]
#[case::target_error(Knobs { no_discovery: Some(0x0300), ..Knobs::default() })]
#[case::moved_nowhere(Knobs { no_discovery: Some(0x0101), ..Knobs::default() })]
#[tokio::test]
async fn the_login_decides_if_the_target_is_named(#[case] knobs: Knobs) {
    let fake = Fake::start(knobs).await;
    let report = fake.probe(json!({"iqn": IQN})).await;
    assert!(report.passed(), "{report:#?}");
    let discover = check(&report, "discover");
    assert_eq!(discover.outcome, Outcome::Skipped);
    assert!(discover.detail.ends_with("without a discovery"), "{discover:?}");
    assert_eq!(failure(&fake.probe(json!({})).await).0, "discover");
}

#[tokio::test]
async fn half_the_credentials_of_a_discovery_do_not_decide_either() {
    let fake = Fake::start(Knobs::default()).await;
    let report = fake
        .probe(json!({"iqn": IQN, "discovery_chap_username": "ops"}))
        .await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "discover").detail;
    assert!(
        detail.contains("discovery_chap_password is not. Set both"),
        "{detail}"
    );
}

#[rstest]
#[case::without_security_stage(Knobs { closes_security: true, ..Knobs::default() })]
#[case::alias_that_is_not_utf_8(Knobs { latin: true, ..Knobs::default() })]
#[case::no_lun_0(Knobs { no_lun_0: Some(NoLun0::WellKnownUnit), ..Knobs::default() })]
#[tokio::test]
async fn odd_targets_are_understood(#[case] knobs: Knobs) {
    let fake = Fake::start(knobs).await;
    let report = fake.probe(json!({})).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(report.capacity.unwrap().total.get(), 16 * 512);
}

#[tokio::test]
async fn credentials_are_never_left_out() {
    let fake = Fake::start(Knobs {
        closes_security: true,
        ..Knobs::default()
    })
    .await;
    let credentials =
        json!({"chap_enabled": true, "chap_username": "ops", "chap_password": "secret of the target"});
    let report = fake.probe(credentials).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    assert!(detail.contains("closed the connection"), "{detail}");
}

#[tokio::test]
async fn a_target_that_lists_its_units_nowhere_has_no_lun_0() {
    let fake = Fake::start(Knobs {
        no_lun_0: Some(NoLun0::Nowhere),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "luns");
    assert!(
        detail.contains("has no LUN 0") && detail.contains("5/25/00"),
        "{detail}"
    );
}

#[rstest]
#[case::standby([2, 0x04, 0x0b], ". Set target to a portal of the controller")]
#[case::rebuilt([2, 0x04, 0x05], ". Wait until that is over")]
#[case::offline([2, 0x04, 0x12], ". Make the unit ready at the storage system")]
#[case::tray_open([2, 0x3a, 0x02], ". Insert a medium")]
#[case::out_of_reach([2, 0x08, 0x00], ". Check the connection between the target and its disks")]
#[case::not_configured_yet([2, 0x3e, 0x00], ". Test again later")]
#[case::failed([2, 0x3e, 0x01], "the unit has failed")]
#[case::not_authorised([5, 0x74, 0x71], ". Allow this initiator")]
#[case::unknown([4, 0x44, 0x99], "(sense 4/44/99)")]
#[tokio::test]
async fn sense_data_is_explained(#[case] sense: [u8; 3], #[case] remedy: &str) {
    let fake = Fake::start(Knobs {
        not_ready: Some(sense),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "luns");
    let [key, code, qualifier] = sense;
    let meaning = Sense { key, code, qualifier }.to_string();
    assert!(detail.contains(&meaning) && detail.contains(remedy), "{detail}");
}

/// The second portal is dead, the third does not know the target either, the fourth has it.
#[tokio::test]
async fn every_portal_is_tried_and_named() {
    let dead = ClosedPort::take();
    let not_found = Knobs {
        status: Some((0x0203, String::new())),
        ..Knobs::default()
    };
    let (third, fourth) = (
        Fake::start(not_found.clone()).await,
        Fake::start(Knobs::default()).await,
    );
    let mut portals: Vec<_> = (1..=5)
        .map(|group| format!("127.0.0.1:{},{group}", dead.number))
        .collect();
    portals.push(format!("127.0.0.1:{},6", third.port));
    let first = |portals: Vec<String>| {
        let not_found = not_found.clone();
        Fake::start(Knobs { portals, ..not_found })
    };
    let report = first(portals.clone()).await.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    for port in [dead.number, third.port] {
        assert!(detail.contains(&format!("127.0.0.1:{port}: ")), "{detail}");
    }

    portals.push(format!("127.0.0.1:{},7", fourth.port));
    let report = first(portals).await.probe(json!({})).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(report.targets.unwrap().len(), 1, "it is listed eight times");
}
