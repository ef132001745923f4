//! Addresses that may not be connected to.

use rstest::rstest;
use serde_json::json;
use storage_backends::Settings;
use storage_backends::iscsi::IscsiBackend;
use storage_backends::net::{NameError, Network};
use storage_domain::ProbeReport;

use crate::iscsi::fake::{Fake, Knobs};
use crate::iscsi::trap::{Trap, network};
use crate::iscsi::{IQN, config, failure, probe, settings, short};

async fn guarded(port: u16, members: serde_json::Value) -> ProbeReport {
    let settings = Settings {
        network: network(),
        ..settings()
    };
    probe(&IscsiBackend::new(config(port, members), &settings, short())).await
}

#[rstest]
#[case("127.0.0.2")]
#[case("::ffff:127.0.0.2")]
#[case("169.254.169.254")]
#[case("fe80::1%lo")]
#[tokio::test]
async fn portals(#[case] target: &str) {
    let trap = Trap::set();
    let report = guarded(trap.at.port(), json!({ "target": target })).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "resolve");
    assert!(
        detail.contains(" this service may not connect to; allow it with allow_networks"),
        "{detail}"
    );
    assert!(!trap.sprang());
}

#[rstest]
#[case::for_now(0x0101, "127.0.0.2")]
#[case::for_good(0x0102, "127.0.0.2")]
#[case::mapped(0x0101, "[::ffff:127.0.0.2]")]
#[tokio::test]
async fn moves(#[case] status: u16, #[case] host: &str) {
    let trap = Trap::set();
    let fake = Fake::start(Knobs {
        status: Some((status, format!("{host}:{},1", trap.at.port()))),
        ..Knobs::default()
    })
    .await;
    let report = guarded(fake.port, json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    let expected = "that does not work: 127.0.0.2 is an address that this service may not connect to";
    assert!(detail.contains(expected), "{detail}");
    assert!(!trap.sprang());
}

/// Where the portal does not know a target, its other addresses are tried. LIO says that it is out of service.
#[rstest]
#[case::not_found(0x0203)]
#[case::out_of_service(0x0301)]
#[tokio::test]
async fn addresses_that_discovery_tells(#[case] status: u16) {
    let trap = Trap::set();
    let fake = Fake::start(Knobs {
        status: Some((status, String::new())),
        portals: vec![format!("{},1", trap.at)],
        ..Knobs::default()
    })
    .await;
    let report = guarded(fake.port, json!({ "iqn": IQN })).await;
    assert_eq!(failure(&report).0, "login");
    assert!(!trap.sprang());
    let open = fake.probe(json!({ "iqn": IQN })).await;
    assert_eq!(failure(&open).0, "login");
    assert!(
        trap.sprang(),
        "the address is not tried even where it may be: the test shows nothing"
    );
}

/// An unreachable name server is not an unknown name.
#[rstest]
#[case::unknown(|| NameError::Unknown, "The name nas.lab is not known to the name server")]
#[case::down(|| NameError::NoAnswer, "because the name servers do not answer")]
#[tokio::test]
async fn names(#[case] error: fn() -> NameError, #[case] says: &str) {
    let settings = Settings {
        network: Network::with_names(move |_| Some(Err(error()))),
        ..settings()
    };
    let config = config(3260, json!({ "target": "nas.lab" }));
    let report = probe(&IscsiBackend::new(config, &settings, short())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "resolve");
    assert!(detail.contains(says), "{detail}");
}
