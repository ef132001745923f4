//! How long a probe makes its target work: turns of request and answer, and many probes at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use iscsi_initiator::pdu::opcode;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::iscsi::Limits;

use crate::iscsi::relay::Relay;
use crate::iscsi::tgt::Tgt;
use crate::iscsi::{CANARY, IQN, MIB, OTHER_CANARY, backend, probe, with_chap, with_mutual};

/// How far away the target is; a turn is a request and its answer.
const TURN: Duration = Duration::from_millis(100);
/// By how many turns a probe may be longer than the protocol wants it to be.
const SLACK: usize = 5;
/// How many probes are timed at most.
const TRIES: usize = 8;

/// What the protocol needs at least, whatever the number of units:
/// - the discovery: a connection, a login without security (one request), SendTargets, a logout;
/// - the session: a connection, a login (with CHAP two requests more: its algorithm, and the proof), REPORT LUNS, INQUIRY of
///   all units at once, READ CAPACITY of all disks at once, a logout.
///
/// Beyond that a login has a stage of security, and disks are asked whether they are ready, and once more where they
/// have news (a UNIT ATTENTION, as all of tgt's have after a login).
fn needed(chap: bool) -> usize {
    let discovery = 1 + 1 + 1 + 1;
    let session = 1 + 1 + if chap { 2 } else { 0 } + 1 + 1 + 1 + 1;
    discovery + session
}

/// How many turns of request and answer one probe takes.
async fn turns(port: u16, config: Value) -> usize {
    let relay = Relay::slow(port, TURN);
    let subject = backend(relay.port, config, Limits::default());
    let started = Instant::now();
    let report = probe(&subject).await;
    let took = started.elapsed();
    assert!(report.passed(), "{report:#?}");
    assert_eq!(relay.connections(), 2);
    assert_eq!(relay.requests().last(), Some(&opcode::LOGOUT_REQUEST));
    // The relay itself is near: it takes a connection at once.
    relay.connections() + usize::try_from(took.as_millis() / TURN.as_millis()).unwrap()
}

#[rstest]
#[case::one_disk(1, json!({"iqn": IQN}))]
#[case::all_targets(1, json!({}))]
#[case::chap(1, with_chap(CANARY))]
#[case::mutual(1, with_mutual(CANARY, OTHER_CANARY))]
#[case::many_disks(30, json!({"iqn": IQN}))]
#[tokio::test]
async fn a_probe_takes_few_turns(#[case] disks: u32, #[case] config: Value) {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    for lun in 1..=disks {
        tgt.lun(1, lun, MIB);
    }
    tgt.open(1);
    let chap = config["chap_enabled"] == true;
    if chap {
        tgt.account(1, "ops", CANARY, false);
        tgt.account(1, "nas", OTHER_CANARY, true);
    }
    let needed = needed(chap);
    let mut least = usize::MAX;
    // Other work on this machine only makes a probe longer.
    for _ in 0..TRIES {
        least = least.min(turns(tgt.port, config.clone()).await);
        if least <= needed + SLACK {
            break;
        }
    }
    println!("{least} turns, {needed} are needed");
    assert!(least <= needed + SLACK, "{least} turns, {needed} are needed");
    tgt.is_left().await;
}

/// A session has a connection of its own (RFC 7143, section 4.2.3), which two probes can't share.
#[tokio::test]
async fn a_hundred_probes_at_once_all_pass() {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, MIB);
    tgt.open(1);
    tgt.account(1, "ops", CANARY, false);
    let subject = backend(tgt.port, with_chap(CANARY), Limits::default());
    let started = Instant::now();
    let reports = join_all((0..100).map(|_| probe(&subject))).await;
    let took = started.elapsed();
    for report in &reports {
        assert!(report.passed(), "{report:#?}");
        assert_eq!(report.capacity.unwrap().total.get(), MIB);
    }
    println!("100 probes took {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    tgt.is_left().await;
}
