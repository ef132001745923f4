//! No session is left behind, however a probe ends.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::iscsi::Limits;
use storage_backends::{Backend as _, OpContext};
use tokio_util::sync::CancellationToken;

use crate::iscsi::fake::{Chap, Fake, Knobs};
use crate::iscsi::relay::Relay;
use crate::iscsi::tgt::Tgt;
use crate::iscsi::{CANARY, IQN, MIB, OTHER_CANARY, backend, cx, short, with_mutual};
use crate::support::until::until;

/// The operation codes at which a relay can hold a probe that has a session (RFC 7143, section 11.2.1.2).
const SCSI_COMMAND: u8 = 0x01;
const TEXT_REQUEST: u8 = 0x04;
const LOGOUT_REQUEST: u8 = 0x06;

fn full_of_units() -> Tgt {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    for lun in 1..=30 {
        tgt.lun(1, lun, MIB);
    }
    tgt.open(1);
    tgt
}

/// Cancels a probe that waits for the answer to its n-th request, for every n.
#[rstest]
#[case::without_chap(json!({"iqn": IQN}), None)]
#[case::with_chap(
    with_mutual(CANARY, OTHER_CANARY),
    Some(Chap { own: CANARY, theirs: OTHER_CANARY, base64: false, fault: None })
)]
#[tokio::test]
async fn a_probe_that_is_cancelled_logs_out(#[case] config: Value, #[case] chap: Option<Chap>) {
    for request in 1.. {
        let fake = Fake::start(Knobs {
            chap: chap.clone(),
            holds: Some(request),
            ..Knobs::default()
        })
        .await;
        let saw = || fake.saw.lock().unwrap().clone();
        let subject = backend(fake.port, config.clone(), Limits::default());
        let cancel = CancellationToken::new();
        let cx = cx().with_cancel(cancel.clone());
        let mut probe = pin!(subject.probe(&cx));
        let ended = tokio::select! {
            ended = &mut probe => ended,
            () = until("no request is held", || saw().held) => {
                cancel.cancel();
                probe.await
            }
        };
        until("a connection is left", || saw().open == 0).await;
        assert_eq!(saw().logouts, saw().logins, "request {request}");
        match ended {
            Ok(report) => {
                assert!(report.passed() && !saw().held, "request {request}: {report:#?}");
                assert_eq!((saw().logins, request), (2, saw().requests + 1));
                return;
            }
            Err(error) => assert!(error.is_cancelled() && saw().held, "request {request}: {error:?}"),
        }
    }
}

/// Drops a probe that has waited for the n-th time, for every n.
#[tokio::test]
async fn a_probe_that_is_dropped_logs_out() {
    let tgt = full_of_units();
    let subject = backend(tgt.port, json!({"iqn": IQN}), Limits::default());
    let mut waits = 0;
    while waits_at_most(waits, subject.probe(&cx())).await.is_none() {
        waits += 1;
    }
    assert!(waits > 10, "the probe waits only {waits} times");
    tgt.is_left().await;
}

/// Polls a future until it is pending for the n-th time; its output, if it ends before.
async fn waits_at_most<T>(mut waits: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending if waits == 0 => Poll::Ready(None),
        Poll::Pending => {
            waits -= 1;
            Poll::Pending
        }
    })
    .await
}

/// A logout that is not answered ends with the connection.
#[rstest]
#[case::while_it_discovers(TEXT_REQUEST)]
#[case::while_it_inspects_units(SCSI_COMMAND)]
#[case::while_it_logs_out(LOGOUT_REQUEST)]
#[tokio::test]
async fn a_session_that_hangs_is_closed(#[case] opcode: u8) {
    let tgt = full_of_units();
    let relay = Relay::holding(tgt.port, opcode);
    let subject = backend(relay.port, json!({"iqn": IQN}), short());
    let cx = OpContext::within(Duration::from_secs(30));
    let probe = tokio::spawn(async move { subject.probe(&cx).await });
    until("no request is held", || relay.held() > 0).await;
    assert!(!tgt.is_idle(), "there is no session");
    probe.abort();
    tgt.is_left().await;
}
