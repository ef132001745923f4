//! Who is let in, and what is said to whoever is not.

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::iscsi::Limits;
use storage_domain::Outcome;

use crate::iscsi::closed::ClosedPort;
use crate::iscsi::tgt::Tgt;
use crate::iscsi::{
    CANARY, INITIATOR, IQN, MIB, OTHER_CANARY, backend, check, failure, probe, short, with_chap, with_mutual,
};

/// What a target asks for.
#[derive(Debug, Clone, Copy)]
enum Asks {
    Nothing,
    Chap,
    Mutual,
}

fn target(asks: Asks) -> Tgt {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, 64 * MIB);
    tgt.open(1);
    if matches!(asks, Asks::Chap | Asks::Mutual) {
        tgt.account(1, "ops", CANARY, false);
    }
    if matches!(asks, Asks::Mutual) {
        tgt.account(1, "nas", OTHER_CANARY, true);
    }
    tgt
}

#[rstest]
#[case::nothing(Asks::Nothing, json!({"iqn": IQN}))]
#[case::all_targets(Asks::Nothing, json!({}))]
#[case::another_case(Asks::Nothing, json!({"iqn": IQN.replace("iqn", "IQN")}))]
#[case::chap(Asks::Chap, with_chap(CANARY))]
#[case::chap_of_all_targets(Asks::Chap, { let mut config = with_chap(CANARY); config["iqn"] = Value::Null; config })]
#[case::mutual(Asks::Mutual, with_mutual(CANARY, OTHER_CANARY))]
#[case::mutual_that_nobody_wants(Asks::Mutual, with_chap(CANARY))]
#[tokio::test]
async fn is_let_in(#[case] asks: Asks, #[case] config: Value) {
    let tgt = target(asks);
    let report = probe(&backend(tgt.port, config, Limits::default())).await;
    assert!(report.passed(), "{report:#?}");
    assert!(
        report.checks.iter().all(|check| check.outcome == Outcome::Passed),
        "{report:#?}"
    );
    assert_eq!(report.capacity.unwrap().total.get(), 64 * MIB);
    tgt.is_left().await;
}

#[rstest]
#[case::wrong_password(
    Asks::Chap,
    with_chap(OTHER_CANARY),
    "refused the name or the password. Check chap_username"
)]
#[case::wrong_name(Asks::Chap, json!({"iqn": IQN, "chap_enabled": true, "chap_username": "oops", "chap_password": CANARY}), "refused the name or the password")]
#[case::no_credentials(Asks::Chap, json!({"iqn": IQN}), "wants a password. Set chap_enabled")]
#[case::no_password(Asks::Chap, json!({"iqn": IQN, "chap_enabled": true, "chap_username": "ops"}), "chap_password is not set")]
#[case::wrong_mutual_secret(
    Asks::Mutual,
    with_mutual(CANARY, "canary-hush-three"),
    "another secret than mutual_chap_password"
)]
#[case::wrong_mutual_name(Asks::Mutual, { let mut config = with_mutual(CANARY, OTHER_CANARY); config["mutual_chap_username"] = json!("san"); config }, "another name than mutual_chap_username")]
#[case::mutual_with_a_target_that_does_not(Asks::Chap, with_mutual(CANARY, OTHER_CANARY), "")]
#[case::the_same_secret_twice(Asks::Mutual, with_mutual(CANARY, CANARY), "Use two different ones")]
#[case::mutual_alone(Asks::Nothing, json!({"iqn": IQN, "mutual_chap_password": CANARY}), "only where chap_enabled is true")]
#[case::unknown(Asks::Nothing, json!({"iqn": "iqn.2026-11.lab.test:none"}), "has no target iqn.2026-11.lab.test:none")]
#[tokio::test]
async fn is_not_let_in(#[case] asks: Asks, #[case] config: Value, #[case] says: &str) {
    let tgt = target(asks);
    let report = probe(&backend(tgt.port, config, Limits::default())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login", "{report:#?}");
    assert!(detail.contains(says), "{detail}");
    assert_eq!(check(&report, "luns").detail, "Not checked, because login failed");
    assert_eq!(report.capacity, None);
    tgt.is_left().await;
}

#[tokio::test]
async fn a_hidden_target_names_who_has_to_be_allowed() {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, MIB);
    tgt.tell("--op bind --mode target --tid 1 -I 192.0.2.1");
    let (report, all) = (
        probe(&backend(tgt.port, json!({"iqn": IQN}), Limits::default())).await,
        probe(&backend(tgt.port, json!({}), Limits::default())).await,
    );
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    assert!(detail.contains(IQN) && detail.contains(INITIATOR), "{detail}");
    assert!(
        detail.contains("it offers none") && detail.contains("access list"),
        "{detail}"
    );
    let (name, detail) = failure(&all);
    assert_eq!(name, "discover");
    assert!(detail.contains("offers no target"), "{detail}");
    tgt.admit(1, INITIATOR);
    let admitted = probe(&backend(tgt.port, json!({}), Limits::default())).await;
    assert!(admitted.passed(), "{admitted:#?}");
    tgt.is_left().await;
}

#[tokio::test]
async fn discovery_has_credentials_of_its_own() {
    let tgt = target(Asks::Nothing);
    tgt.finder("finder", CANARY);
    let with =
        |password: &str| json!({"discovery_chap_username": "finder", "discovery_chap_password": password});
    let right = probe(&backend(tgt.port, with(CANARY), Limits::default())).await;
    let wrong = probe(&backend(tgt.port, with(OTHER_CANARY), Limits::default())).await;
    assert!(right.passed(), "{right:#?}");
    let (name, detail) = failure(&wrong);
    assert_eq!(name, "discover");
    assert!(detail.contains("Check discovery_chap_username"), "{detail}");
    let without = probe(&backend(tgt.port, json!({}), Limits::default())).await;
    let (name, detail) = failure(&without);
    assert_eq!(name, "discover");
    assert!(detail.contains("Set discovery_chap_username"), "{detail}");
    // A target that is named is tried all the same.
    let named = probe(&backend(tgt.port, json!({"iqn": IQN}), Limits::default())).await;
    assert!(named.passed(), "{named:#?}");
    assert_eq!(check(&named, "discover").outcome, Outcome::Skipped);
    let half = probe(&backend(
        tgt.port,
        json!({"discovery_chap_username": "finder"}),
        Limits::default(),
    ))
    .await;
    let (name, detail) = failure(&half);
    assert_eq!(name, "discover");
    assert!(
        detail.contains("discovery_chap_password is not. Set both"),
        "{detail}"
    );
    tgt.is_left().await;
}

#[tokio::test]
async fn a_closed_port_is_told() {
    let closed = ClosedPort::take();
    let report = probe(&backend(closed.number, json!({}), short())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "connect");
    assert!(detail.contains("refused the connection"), "{detail}");
}
