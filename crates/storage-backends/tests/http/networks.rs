//! Addresses that may not be connected to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use serde_json::json;
use storage_backends::http::{HttpBackend, Limits};
use storage_backends::net::Network;
use storage_backends::{Settings, Tree as _};

use crate::http::servers::{Tree, nginx};
use crate::http::trap::{Trap, egress, network};
use crate::http::{backend_in, check, cx, failure, plain, probe, told};

fn guarded(url: &str, network: Network) -> HttpBackend {
    let settings = Settings {
        network,
        ..Settings::new(None)
    };
    backend_in(&settings, json!({ "base_url": url }), Limits::default())
}

/// However an address is written.
#[rstest]
#[case("127.0.0.2")]
#[case("[::ffff:127.0.0.2]")]
#[case("[::ffff:7f00:2]")]
#[tokio::test]
async fn addresses(#[case] host: &str) {
    let trap = Trap::set();
    let backend = guarded(&format!("http://{host}:{}/", trap.at.port()), network());
    let report = probe(&backend).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "resolve");
    let expected =
        "127.0.0.2 is an address that this service may not connect to; allow it with allow_networks";
    assert!(detail.starts_with(expected), "{detail}");
    let scanned = backend.scan(&cx(), Arc::default()).await;
    let told = told(&scanned.unwrap_err());
    assert!(
        told.contains("127.0.0.2 is an address that this service may not connect to"),
        "{told}"
    );
    assert!(!trap.sprang());
}

#[rstest]
#[case("http://169.254.169.254/latest/meta-data/")]
#[case("http://[fd00:ec2::254]/")]
#[case("https://[fe80::1]/")]
#[case("http://0.0.0.0:9/")]
#[tokio::test]
async fn what_is_denied_by_default(#[case] url: &str) {
    let report = probe(&plain(url)).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "resolve");
    assert!(detail.contains("may not connect to"), "{detail}");
}

#[tokio::test]
async fn redirects() {
    let (trap, tree) = (Trap::set(), Tree::new());
    for host in ["127.0.0.2", "[::ffff:127.0.0.2]"] {
        let there = format!("http://{host}:{}/", trap.at.port());
        let server = nginx(&tree.path(), &format!("return 302 {there};"));
        let report = probe(&guarded(&server.url(), network())).await;
        let (name, detail) = failure(&report);
        assert_eq!(name, "status", "{report:#?}");
        assert!(
            detail.starts_with("127.0.0.2 is an address that this service may not"),
            "{detail}"
        );
        assert!(!trap.sprang());
    }
}

/// The addresses of a name that may be connected to are, and the others are not.
#[tokio::test]
async fn names_with_addresses_of_both_kinds() {
    let (trap, tree) = (Trap::set(), Tree::new());
    let server = nginx(&tree.path(), "autoindex on;");
    let right = SocketAddr::from(([127, 0, 0, 1], server.port));
    let both = [("nas.lab".to_owned(), vec![trap.at, right])];
    let network = Network::with_places(both).guarded(egress());
    let report = probe(&guarded("http://nas.lab/", network)).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(check(&report, "resolve").detail, "nas.lab is 127.0.0.1");
    assert!(!trap.sprang());
}

/// A name server that tells a good address once, and the one that it is after ever since.
#[tokio::test]
async fn names_that_mean_another_address_afterwards() {
    let (trap, tree) = (Trap::set(), Tree::new());
    let server = nginx(&tree.path(), "autoindex on; keepalive_timeout 0;");
    let right = SocketAddr::from(([127, 0, 0, 1], server.port));
    let (asked, wrong) = (Arc::new(AtomicUsize::new(0)), trap.at);
    let count = Arc::clone(&asked);
    let names = move |_: &str| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        Some(Ok(vec![if first { right } else { wrong }]))
    };
    let backend = guarded("http://nas.lab/", Network::with_names(names).guarded(egress()));
    let report = probe(&backend).await;
    assert_eq!(check(&report, "resolve").detail, "nas.lab is 127.0.0.1");
    let told = format!("{report:?} {:?}", backend.scan(&cx(), Arc::default()).await);
    assert!(
        told.contains("nas.lab resolves to 127.0.0.2, which this service may not connect to"),
        "{told}"
    );
    assert!(asked.load(Ordering::Relaxed) > 1);
    assert!(!trap.sprang());
}
