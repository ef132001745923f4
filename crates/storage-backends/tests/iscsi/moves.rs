//! Targets that have moved.

use rstest::rstest;
use serde_json::json;
use storage_backends::iscsi::MAX_REDIRECTS;
use tokio::net::TcpListener;

use crate::iscsi::closed::ClosedPort;
use crate::iscsi::fake::{Fake, Knobs};
use crate::iscsi::{IQN, check, failure};

#[rstest]
#[case::for_now(0x0101, "sends sessions for now")]
#[case::for_good(0x0102, "has moved permanently. Set target to it")]
#[tokio::test]
async fn a_target_that_has_moved_is_followed(#[case] status: u16, #[case] says: &str) {
    let real = Fake::start(Knobs::default()).await;
    let there = format!("127.0.0.1:{}", real.port);
    let fake = Fake::start(Knobs {
        status: Some((status, format!("{there},1"))),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "login").detail;
    assert!(detail.contains(says) && detail.contains(&there), "{detail}");
    assert_eq!(real.saw.lock().unwrap().logouts, 1);
}

#[tokio::test]
async fn a_target_that_moved_to_where_nothing_is_is_told() {
    let closed = ClosedPort::take();
    let nowhere = Knobs {
        status: Some((0x0101, format!("127.0.0.1:{}", closed.number))),
        ..Knobs::default()
    };
    let fake = Fake::start(nowhere).await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    assert!(
        detail.contains("has moved to") && detail.contains("refused the connection"),
        "{detail}"
    );
}

/// To itself, and to a portal that sends back.
#[rstest]
#[case::itself(1)]
#[case::back(2)]
#[tokio::test]
async fn a_circle_is_named(#[case] portals: usize) {
    let listeners: Vec<_> = (0..portals).map(|_| bound()).collect();
    let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
    let mut fakes = Vec::new();
    for (at, listener) in listeners.into_iter().enumerate() {
        let next = format!("127.0.0.1:{},1", ports[(at + 1) % portals]);
        let knobs = Knobs {
            status: Some((0x0101, next)),
            ..Knobs::default()
        };
        fakes.push(Fake::on(listener, knobs));
    }
    let report = fakes[0].probe(json!({"iqn": IQN})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    let says = format!("in a circle: it has moved to 127.0.0.1:{}, which", ports[0]);
    assert!(detail.contains(&says), "{detail}");
}

fn bound() -> TcpListener {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    TcpListener::from_std(listener).unwrap()
}

#[tokio::test]
async fn a_few_moves_are_followed_and_no_more() {
    let mut fake = Fake::start(Knobs::default()).await;
    for moves in 1..=MAX_REDIRECTS + 1 {
        let there = format!("127.0.0.1:{}", fake.port);
        fake = Fake::start(Knobs {
            status: Some((0x0101, there)),
            ..Knobs::default()
        })
        .await;
        let report = fake.probe(json!({})).await;
        if moves <= MAX_REDIRECTS {
            assert!(report.passed(), "{report:#?}");
        } else {
            let (name, detail) = failure(&report);
            assert_eq!(name, "login");
            assert!(detail.contains("has moved more than 3 times"), "{detail}");
        }
    }
}
