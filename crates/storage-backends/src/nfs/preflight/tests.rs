use std::net::{Ipv4Addr, TcpListener};

use storage_domain::net::NetworkName;

use super::*;

fn minute() -> OpContext {
    OpContext::within(Duration::from_mins(1))
}

async fn shown(host: &str) -> Result<Vec<String>, ResolveError> {
    let found = resolve(&minute(), &host.parse().unwrap(), &Egress::default()).await?;
    Ok(found.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn literals_are_their_own_addresses() {
    assert_eq!(shown("10.0.0.5").await.unwrap(), ["10.0.0.5"]);
    assert_eq!(shown("[FD00::0:5]").await.unwrap(), ["fd00::5"]);
}

#[tokio::test]
async fn a_zone_is_an_interface_of_this_host() {
    let zoned = "fe80::1%lo".parse().unwrap();
    let link_local = NetworkName::LinkLocal.networks().iter().copied();
    let found = resolve(&minute(), &zoned, &Egress::new(link_local, []))
        .await
        .unwrap();
    assert_eq!(found[0].to_string(), "fe80::1%lo");
    assert_eq!(found[0].bracketed(), "[fe80::1%lo]");
    assert_eq!(found[0].with_port(111).to_string(), "[fe80::1%1]:111");
    let error = shown("fe80::1%nosuch0").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "This host has no network interface nosuch0, which fe80::1 names as its zone"
    );
    assert!(matches!(
        shown("fe80::1").await.unwrap_err(),
        ResolveError::NoZone { .. }
    ));
}

#[tokio::test]
async fn what_may_not_be_connected_to_has_no_address() {
    for (host, told) in [
        (
            "169.254.169.254",
            "169.254.169.254 is an address that this service may not",
        ),
        (
            "[::ffff:169.254.169.254]",
            "169.254.169.254 is an address that this service may not",
        ),
        ("fe80::1%lo", "fe80::1 is an address that this service may not"),
        ("0.0.0.0", "0.0.0.0 is an address that this service may not"),
    ] {
        let error = shown(host).await.unwrap_err();
        assert!(matches!(error, ResolveError::Denied(_)), "{error:?}");
        assert!(error.to_string().starts_with(told), "{error}");
    }
    let nothing = Egress::new([], NetworkName::Loopback.networks().iter().copied());
    let localhost = "localhost".parse().unwrap();
    let error = resolve(&minute(), &localhost, &nothing).await.unwrap_err();
    assert!(error.to_string().starts_with("localhost resolves to "), "{error}");
}

#[tokio::test]
async fn names_are_looked_up_once_each() {
    let found = shown("localhost").await.unwrap();
    assert!(found.contains(&"127.0.0.1".to_owned()), "{found:?}");
    let mut unique = found.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), found.len());
}

#[tokio::test]
async fn an_unknown_name_is_told_within_the_deadline() {
    let begun = Instant::now();
    // Without a name server this is "don't answer", with one "not known".
    let error = shown("nas.invalid").await.unwrap_err();
    assert!(
        matches!(
            error,
            ResolveError::UnknownName { .. } | ResolveError::NoNameServer { .. }
        ),
        "{error:?}"
    );
    assert!(begun.elapsed() < RESOLVE_DEADLINE + Duration::from_secs(1));
}

#[rstest::rstest]
#[case(
    "failed to lookup address information: Name or service not known",
    "The name nas is not known; check its spelling and the name servers"
)]
#[case(
    "failed to lookup address information: No address associated with hostname",
    "The name nas is not known; check its spelling and the name servers"
)]
#[case(
    "failed to lookup address information: Temporary failure in name resolution",
    "The name nas can't be looked up now: the name servers don't answer"
)]
#[case(
    "failed to lookup address information: Non-recoverable failure in name resolution",
    "Looking up the name nas failed"
)]
fn the_resolvers_texts_are_told_apart(#[case] text: &str, #[case] sentence: &str) {
    assert_eq!(look_up_error("nas", io::Error::other(text)).to_string(), sentence);
}

#[tokio::test]
async fn an_open_port_answers() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = ScopedAddr::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let port = listener.local_addr().unwrap().port();
    assert!(connect(&minute(), &addr, port).await.unwrap() < CONNECT_DEADLINE);

    // Taken and not listened on: nobody else is given it.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = connect(&minute(), &addr, port).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("127.0.0.1 refuses connections to port {port}: nothing listens there")
    );
}

/// A listener whose queue is full answers no more connections, as a silent host does.
#[tokio::test]
async fn a_silent_port_is_given_up() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let full = listener.local_addr().unwrap();
    let addr = ScopedAddr::from(full.ip());
    // Connections that nobody accepts stay in the queue, even where they are closed.
    for _ in 0..100 {
        let cx = OpContext::within(Duration::from_millis(500));
        if let Err(error) = connect(&cx, &addr, full.port()).await {
            assert!(matches!(error, ConnectError::Timeout { .. }), "{error:?}");
            return;
        }
    }
    panic!("the queue never fills");
}

#[tokio::test]
async fn cancelling_ends_a_connection_attempt() {
    let cancel = tokio_util::sync::CancellationToken::new();
    cancel.cancel();
    let cx = minute().with_cancel(cancel);
    let addr = ScopedAddr::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let error = connect(&cx, &addr, 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Cancelled { .. }));
}
