use std::future::poll_fn;
use std::task::Poll;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// As many connections of one client as it may hold.
fn fill(shares: &Arc<Shares>, from: &str) -> Vec<Share> {
    std::iter::from_fn(|| shares.admit(address(from)))
        .take(1000)
        .collect()
}

#[test]
fn a_client_holds_a_part_and_gives_it_back() {
    let shares = Shares::new(1024, Vec::new());
    let held = fill(&shares, "192.0.2.1");
    assert_eq!(held.len(), 128);
    assert!(shares.admit(address("::ffff:192.0.2.1")).is_none());
    assert!(shares.admit(address("192.0.2.2")).is_some());
    drop(held);
    assert!(shares.by_client().is_empty() && shares.all.load(Relaxed) == 0);
    assert_eq!(fill(&shares, "192.0.2.1").len(), 128);
}

#[test]
fn a_network_of_ipv6_is_one_client() {
    let shares = Shares::new(64, Vec::new());
    let _held = fill(&shares, "2001:db8::1");
    assert!(shares.admit(address("2001:db8::ffff:1")).is_none());
    assert!(shares.admit(address("2001:db8:0:1::1")).is_some());
}

#[test]
fn few_connections_are_shared_too() {
    let most = |capacity| Shares::new(capacity, Vec::new()).most();
    assert_eq!([1, 2, 10, 16, 64, 4096].map(most), [1, 1, 5, 8, 8, 512]);
}

#[test]
fn proxies_and_this_machine_have_no_bound() {
    let shares = Shares::new(16, vec!["192.0.2.0/24".parse().unwrap()]);
    for trusted in ["127.0.0.1", "::1", "192.0.2.9", "::ffff:192.0.2.9"] {
        assert_eq!(fill(&shares, trusted).len(), 1000, "{trusted}");
    }
}

fn ready(is_over: bool) -> Poll<()> {
    if is_over { Poll::Ready(()) } else { Poll::Pending }
}

async fn overdue(patience: &mut Patience, since: Instant) {
    poll_fn(|cx| ready(patience.is_head_overdue(Some(since), cx))).await;
}

/// The peer is given time for as long as there is room for others.
#[tokio::test]
async fn a_head_is_hurried_if_few_connections_are_left() {
    let shares = Shares::new(16, Vec::new());
    let moment = Duration::from_millis(10);
    let mut patience = Patience::with(shares.admit(address("192.0.2.1")), moment, STALLED);
    let since = Instant::now();
    let waited = tokio::time::timeout(moment * 5, overdue(&mut patience, since)).await;
    assert!(waited.is_err(), "there was room");
    let _others = [fill(&shares, "192.0.2.2"), fill(&shares, "192.0.2.3")];
    overdue(&mut patience, since).await;
}

/// The end comes by the alarm: nothing else wakes a task whose peer does nothing.
#[tokio::test]
async fn a_peer_that_takes_nothing_is_given_up() {
    let moment = Duration::from_millis(10);
    let mut patience = Patience::with(None, moment, moment * 3);
    poll_fn(|cx| ready(patience.is_stalled(cx))).await;
    patience.moved();
    assert!(poll_fn(|cx| Poll::Ready(!patience.is_stalled(cx))).await);
}
