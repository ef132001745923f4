//! Servers that ask for fewer requests, and refusals that have nothing to do with listings.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use storage_backends::http::Limits;
use storage_backends::{OpContext, Tree as _};

use crate::http::{backend, cx, failure, plain, probe, scan_finds, told};
use crate::s3::fake::{Asked, Fake, Told};

fn page(body: &str) -> Told {
    (
        200,
        vec![("content-type", "text/html".to_owned())],
        format!("<title>Index of /</title>{body}"),
    )
}

/// The first byte of a file of 7.
fn file() -> Told {
    let range = ("content-range", "bytes 0-0/7".to_owned());
    (206, vec![range], "x".to_owned())
}

fn refusal(status: u16) -> Told {
    (status, vec![("retry-after", "0".to_owned())], String::new())
}

/// The directory `d` has one file, and each listing is there at the second try only.
#[rstest]
#[tokio::test]
async fn a_count_waits_and_goes_on(#[values(429, 503)] status: u16) {
    let fake = Fake::start(move |asked: &Asked| match (asked.number, asked.path.as_str()) {
        (0 | 2, _) => refusal(status),
        (_, "/") => page("<a href=d/>d/</a>"),
        (_, "/d/") => page("<a href=a.iso>a.iso</a> 2026-11-22 19:43 7"),
        (_, "/d/a.iso") => file(),
        other => panic!("{other:?}"),
    })
    .await;
    scan_finds(&plain(&fake.url()), (1, 2, 0)).await;
    // Two refusals, two listings, and one file whose size is compared with the listing's.
    assert_eq!(fake.asked().len(), 5);
}

#[rstest]
#[case::unauthorized(401, "set auth_method")]
#[case::timeout(408, "try again later")]
#[case::throttled(429, "try again later")]
#[case::unavailable(503, "try again later")]
#[tokio::test]
async fn a_refusal_has_advice_of_its_own(#[case] status: u16, #[case] says: &str) {
    let fake = Fake::start(move |_: &Asked| refusal(status)).await;
    let cx = OpContext::within(Duration::from_millis(900));
    let error = plain(&fake.url()).scan(&cx, Arc::default()).await.unwrap_err();
    let told = told(&error);
    assert!(
        told.contains(says) && !told.contains("switch the listing on"),
        "{told}"
    );
    assert_eq!(error.is_temporary(), status != 401, "{told}");
}

/// One that is refused for good is counted as one that can't be read.
#[tokio::test]
async fn a_count_without_a_directory_is_incomplete() {
    let fake = Fake::start(|asked: &Asked| match asked.path.as_str() {
        "/" => page("<a href=d/>d/</a><a href=a.iso>a.iso</a> 2026-11-22 19:43 7"),
        _ => refusal(503),
    })
    .await;
    let cx = OpContext::within(Duration::from_secs(2));
    let counted = plain(&fake.url()).scan(&cx, Arc::default()).await.unwrap();
    let bytes = counted.bytes.map(storage_domain::ByteCount::get);
    assert_eq!((counted.files, bytes), (1, Some(7)), "{counted:?}");
    assert!(counted.incomplete().is_some(), "{counted:?}");
}

/// A host that never answers a connection did not accept it either.
#[tokio::test]
async fn a_connection_that_takes_too_long_was_not_accepted() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    // Connections that are not accepted stay in the queue until it is full.
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(500), tokio::net::TcpStream::connect(at)).await
    {
        queue.push(stream);
    }
    let limits = Limits {
        connect: Duration::from_millis(300),
        ..Limits::default()
    };
    let silent = backend(json!({ "base_url": format!("http://{at}") }), limits);
    let report = probe(&silent).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "connect");
    assert!(detail.contains("did not answer within 0.3 s"), "{detail}");
    let error = silent.scan(&cx(), Arc::default()).await.unwrap_err();
    assert!(
        told(&error).contains("did not answer within 0.3 s"),
        "{}",
        told(&error)
    );
}
