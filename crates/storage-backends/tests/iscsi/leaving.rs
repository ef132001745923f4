//! No session is left behind, whatever ends a probe.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use storage_backends::iscsi::Limits;
use storage_backends::{Backend as _, OpContext};
use tokio_util::sync::CancellationToken;

use crate::iscsi::tgt::Tgt;
use crate::iscsi::{IQN, MIB, backend};

fn full_of_units() -> Tgt {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    for lun in 1..=30 {
        tgt.lun(1, lun, MIB);
    }
    tgt.open(1);
    tgt
}

/// Ends probes after 0 to 20 ms, so that every step of them is hit.
#[tokio::test]
async fn a_probe_that_is_cancelled_logs_out() {
    let tgt = full_of_units();
    let subject = Arc::new(backend(tgt.port, json!({"iqn": IQN}), Limits::default()));
    let mut cancelled = 0;
    for step in 0..40_u64 {
        let cancel = CancellationToken::new();
        let cx = OpContext::within(Duration::from_secs(20)).with_cancel(cancel.clone());
        let probing = Arc::clone(&subject);
        let probe = tokio::spawn(async move { probing.probe(&cx).await });
        tokio::time::sleep(Duration::from_micros(step * 500)).await;
        cancel.cancel();
        cancelled += usize::from(probe.await.unwrap().is_err());
    }
    assert!(cancelled >= 10, "only {cancelled} probes were cancelled in time");
    tgt.is_left().await;
}

#[tokio::test]
async fn a_probe_that_is_dropped_logs_out() {
    let tgt = full_of_units();
    let subject = backend(tgt.port, json!({"iqn": IQN}), Limits::default());
    let cx = OpContext::within(Duration::from_secs(20));
    for step in 0..40_u64 {
        let limit = Duration::from_micros(step * 500);
        let _ = tokio::time::timeout(limit, subject.probe(&cx)).await;
    }
    tgt.is_left().await;
}

/// Waits until a session is seen, so that it is one that ends by the drop and not before its login.
#[tokio::test]
async fn a_session_that_is_open_is_logged_out() {
    let tgt = Arc::new(full_of_units());
    let subject = Arc::new(backend(tgt.port, json!({"iqn": IQN}), Limits::default()));
    let mut seen = 0;
    for _ in 0..40 {
        let probing = Arc::clone(&subject);
        let cx = OpContext::within(Duration::from_secs(20));
        let probe = tokio::spawn(async move { probing.probe(&cx).await });
        let looking = Arc::clone(&tgt);
        let sessions = tokio::task::spawn_blocking(move || looking.sessions())
            .await
            .unwrap();
        probe.abort();
        seen += usize::from(!sessions.is_empty());
        tgt.is_left().await;
    }
    eprintln!("{seen} of 40 probes were ended with a session open");
}
