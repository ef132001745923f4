//! Targets that misbehave, or do what tgt can't: each is told from the others, and none holds a probe up.

use rstest::rstest;
use serde_json::json;

use crate::iscsi::fake::{Fake, Fault, FirstCommand, Knobs};
use crate::iscsi::{IQN, failure};

#[rstest]
#[case::plain(Knobs::default(), 16 * 512)]
#[case::digests(Knobs { digests: true, ..Knobs::default() }, 16 * 512)]
#[case::pings(Knobs { pings: true, ..Knobs::default() }, 16 * 512)]
#[case::news(Knobs { attentions: 3, ..Knobs::default() }, 16 * 512)]
#[case::old(Knobs { old: true, ..Knobs::default() }, 8 * 512)]
#[case::text_in_parts(Knobs { parts: true, ..Knobs::default() }, 16 * 512)]
#[case::swaps(Knobs { swaps: true, ..Knobs::default() }, 16 * 512)]
#[case::login_in_parts(Knobs { login_parts: true, ..Knobs::default() }, 16 * 512)]
#[case::all(Knobs { digests: true, pings: true, attentions: 2, old: true, parts: true, login_parts: true, ..Knobs::default() }, 8 * 512)]
#[tokio::test]
async fn is_understood(#[case] knobs: Knobs, #[case] bytes: u64) {
    let fake = Fake::start(knobs.clone()).await;
    let report = fake.probe(json!({})).await;
    assert!(report.passed(), "{report:#?}");
    let targets = report.targets.unwrap();
    let luns = targets[0].luns.as_ref().unwrap();
    assert_eq!(
        (luns[0].vendor.as_str(), luns[0].serial.as_deref()),
        ("FAKE", Some("fake"))
    );
    assert_eq!(report.capacity.unwrap().total.get(), bytes);
    let saw = fake.saw.lock().unwrap();
    assert_eq!((saw.logins, saw.logouts), (2, 2), "{saw:?}");
    assert!(!knobs.pings || saw.pongs >= 4, "{saw:?}");
}

fn header(opcode: u8, length: [u8; 3]) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[0] = opcode;
    bytes[5..8].copy_from_slice(&length);
    bytes
}

#[rstest]
#[case::silent(Knobs { says: Some(Vec::new()), ..Knobs::default() }, "sent no answer within 0.4 s")]
#[case::half_a_header(Knobs { says: Some(vec![0x23; 20]), ..Knobs::default() }, "sent no answer within 0.4 s")]
#[case::hangs_up(Knobs { hangs_up: true, ..Knobs::default() }, "closed the connection instead of answering the login")]
#[case::web_server(Knobs { says: Some(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n".to_vec()), ..Knobs::default() }, "is not an iSCSI target")]
#[case::ssh(Knobs { says: Some(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 and so on, and so on\r\n".to_vec()), ..Knobs::default() }, "is not an iSCSI target")]
#[case::too_long(Knobs { says: Some(header(0x23, [0xff, 0xff, 0xff])), ..Knobs::default() }, "is not an iSCSI target")]
#[case::something_else(Knobs { says: Some(header(0x26, [0, 0, 0])), ..Knobs::default() }, "the PDU does not answer the request")]
#[case::rejects(Knobs { says: Some(header(0x3f, [0, 0, 0])), ..Knobs::default() }, "rejected the login")]
#[case::bad_text(Knobs { says: Some([header(0x23, [0, 0, 4]), b"none".to_vec()].concat()), ..Knobs::default() }, "not a key=value pair")]
#[case::endless_login(Knobs { says: Some(header(0x23, [0, 0, 0])), ..Knobs::default() }, "its login does not end")]
#[tokio::test]
async fn is_told_apart(#[case] knobs: Knobs, #[case] says: &str) {
    let fake = Fake::start(knobs).await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "discover");
    assert!(detail.contains(says), "{detail}");
}

#[tokio::test]
async fn more_than_was_asked_for_is_not_taken() {
    let fake = Fake::start(Knobs {
        floods: true,
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "luns");
    assert!(detail.contains("data that was not requested"), "{detail}");
    assert_eq!(fake.saw.lock().unwrap().logouts, 2);
}

#[rstest]
#[case::forbidden(0x0202, "does not admit this initiator. Allow iqn.")]
#[case::removed(0x0204, "was removed")]
#[case::out_of_service(0x0301, "out of service")]
#[case::moved_nowhere(0x0101, "an address that can't be read")]
#[case::something(0x02ff, "an error of the initiator (status 0x02ff)")]
#[tokio::test]
async fn every_refusal_has_its_sentence(#[case] status: u16, #[case] says: &str) {
    let fake = Fake::start(Knobs {
        status: Some((status, String::new())),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({"iqn": IQN})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    assert!(detail.contains(says), "{detail}");
}

#[rstest]
#[case::header(Fault::Header, "the digest of its header is wrong")]
#[case::data(Fault::Data, "the digest of its data is wrong")]
#[tokio::test]
async fn a_wrong_digest_is_told(#[case] fault: Fault, #[case] says: &str) {
    let fake = Fake::start(Knobs {
        digests: true,
        damages: Some(fault),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "luns");
    assert!(detail.contains(says), "{detail}");
}

/// A digest that was chosen is named if the session ends at the first command, which has it.
#[rstest]
#[case::hangs_up(
    true,
    FirstCommand::HangsUp,
    "CRC32C in the login, and then failed at REPORT LUNS: the target closed the connection"
)]
#[case::silent(
    true,
    FirstCommand::Ignored,
    "failed at REPORT LUNS: the target sent no answer within 0.4 s"
)]
#[case::no_digest(
    false,
    FirstCommand::HangsUp,
    "closed the connection instead of answering REPORT LUNS. See the log"
)]
#[tokio::test]
async fn a_digest_is_named(#[case] digests: bool, #[case] first_command: FirstCommand, #[case] says: &str) {
    let fake = Fake::start(Knobs {
        digests,
        first_command: Some(first_command),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert!(name == "luns" && detail.contains(says), "{detail}");
    assert_eq!(detail.contains("HeaderDigest"), digests, "{detail}");
}

#[tokio::test]
async fn a_target_that_ends_the_session_is_told_and_left() {
    let fake = Fake::start(Knobs {
        ends: true,
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "luns");
    assert!(detail.contains("ended the session"), "{detail}");
    assert_eq!(fake.saw.lock().unwrap().logouts, 2);
}
