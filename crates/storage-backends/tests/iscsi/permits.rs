//! How many probes of one portal run at once.

use std::time::Duration;

use futures_util::future::join_all;
use storage_backends::net::PROBES_PER_SERVER;
use tokio::net::TcpListener;

use super::*;

/// A portal that accepts connections and says nothing: the probes of it stay where they are.
#[tokio::test]
async fn a_further_probe_of_a_portal_waits() {
    let portal = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = portal.local_addr().unwrap().port();
    let settings = settings();
    let backend = || IscsiBackend::new(config(port, json!({})), &settings, Limits::default());
    let held: Vec<_> = (0..PROBES_PER_SERVER).map(|_| backend()).collect();
    let cx = cx();
    let probes = join_all(held.iter().map(|backend| backend.probe(&cx)));
    let further = async {
        let mut connections = Vec::new();
        for _ in 0..PROBES_PER_SERVER {
            connections.push(portal.accept().await.unwrap());
        }
        backend()
            .probe(&OpContext::within(Duration::from_millis(50)))
            .await
    };
    let error = tokio::select! {
        _ = probes => panic!("a probe ended"),
        further = further => further.unwrap_err(),
    };
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.step(), "waiting for other probes of this server");
}
