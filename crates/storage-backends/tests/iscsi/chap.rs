//! CHAP with targets that write it in another way, or that cheat.

use std::sync::Arc;

use rstest::rstest;
use serde_json::json;
use tokio::sync::watch;

use crate::iscsi::fake::{Chap, ChapFault, Fake, Knobs, ReflectedOf};
use crate::iscsi::{CANARY, IQN, OTHER_CANARY, failure, with_chap, with_mutual};

const OTHER: &str = "iqn.2026-11.lab.test:other";

async fn fake(base64: bool, fault: Option<ChapFault>) -> Fake {
    Fake::start(Knobs {
        chap: Some(Chap {
            own: CANARY,
            theirs: OTHER_CANARY,
            base64,
            fault,
        }),
        ..Knobs::default()
    })
    .await
}

#[rstest]
#[case::hexadecimal(false, None)]
#[case::base64(true, None)]
#[case::capitals(false, Some(ChapFault::Says("CHAP_C", format!("0X{}", "5A".repeat(24)))))]
#[tokio::test]
async fn both_sides_prove_themselves(#[case] base64: bool, #[case] fault: Option<ChapFault>) {
    let fake = fake(base64, fault).await;
    for config in [with_chap(CANARY), with_mutual(CANARY, OTHER_CANARY)] {
        let report = fake.probe(config).await;
        assert!(report.passed(), "{report:#?}");
    }
    assert_eq!(fake.saw.lock().unwrap().proofs, [IQN, IQN]);
}

#[rstest]
#[case::without(ChapFault::None, "did not authenticate itself", 0)]
#[case::no_proof(ChapFault::Omits("CHAP_R"), "did not authenticate itself", 1)]
#[case::wrong_proof(ChapFault::Says("CHAP_R", format!("0x{}", "00".repeat(16))), "another secret than mutual_chap_password", 1)]
#[case::short_proof(ChapFault::Says("CHAP_R", "0x00".to_owned()), "another secret than mutual_chap_password", 1)]
#[case::another_algorithm(ChapFault::Says("CHAP_A", "7".to_owned()), "another algorithm than MD5", 0)]
#[case::no_challenge(ChapFault::Omits("CHAP_C"), "the challenge is missing", 0)]
#[case::long_challenge(ChapFault::Says("CHAP_C", format!("0x{}", "5a".repeat(1025))), "is not a binary value of 1 to 1024 bytes", 0)]
#[case::no_identifier(ChapFault::Omits("CHAP_I"), "the identifier is missing", 0)]
#[case::large_identifier(ChapFault::Says("CHAP_I", "256".to_owned()), "the identifier is not a number up to 255", 0)]
#[tokio::test]
async fn a_target_that_cheats_is_told(#[case] fault: ChapFault, #[case] says: &str, #[case] proofs: usize) {
    let fake = fake(false, Some(fault)).await;
    let report = fake.probe(with_mutual(CANARY, OTHER_CANARY)).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login", "{report:#?}");
    assert!(detail.contains(says), "{detail}");
    assert_eq!(fake.saw.lock().unwrap().proofs.len(), proofs);
}

/// RFC 7143, section 9.2.1: whoever can't answer our challenge sends it back to us in another session, to be given the
/// answer. The session that gets it ends, and no answer is given.
#[tokio::test]
async fn a_challenge_that_comes_back_is_not_answered() {
    let taken = Arc::new(watch::Sender::new(None));
    let reflects = ChapFault::Reflects(ReflectedOf(OTHER, taken));
    let fake = fake(false, Some(reflects)).await;
    let mut config = with_mutual(CANARY, OTHER_CANARY);
    config["iqn"] = json!(null);
    let report = fake.probe(config).await;
    let detail = report.checks.iter().map(|check| check.detail.as_str());
    assert!(
        detail
            .clone()
            .any(|detail| detail.contains("sent the challenge of this initiator back")),
        "{report:#?}"
    );
    assert_eq!(fake.saw.lock().unwrap().proofs, [OTHER]);
}
