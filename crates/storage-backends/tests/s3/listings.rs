//! Listings of servers that throttle and lie.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;
use storage_backends::http::Limits;
use storage_backends::s3::S3Backend;
use storage_backends::{Error, OpContext, ScanProgress, Tree as _};
use tokio_util::sync::CancellationToken;

use crate::s3::fake::{Asked, Fake, Told, object, page, refusal};
use crate::s3::fakes::on;
use crate::s3::{backend, backend_with, scan, with};
use crate::support::asking::told;

#[tokio::test]
async fn throttling_is_waited_for() {
    let fake = Fake::start(|asked| match asked.number {
        0 | 2 | 3 => refusal(503, "SlowDown", "Please reduce your request rate.", ""),
        1 => page("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>"),
        _ if asked.get("prefix") == "a/" => page(&object("a/1.iso", "1")),
        _ => page(&object("b/2.img", "2")),
    })
    .await;
    let begun = Instant::now();
    let counted = scan(&backend(on(&fake))).await;
    assert_eq!((counted.files, counted.templates, counted.errors), (2, 2, 0));
    assert_eq!(counted.directories, 3);
    assert!(
        begun.elapsed() >= Duration::from_millis(200),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn throttling_without_end_ends_with_the_time() {
    let fake = Fake::start(|_| refusal(503, "SlowDown", "Please reduce your request rate.", "")).await;
    let begun = Instant::now();
    let cx = OpContext::within(Duration::from_secs(2));
    let error = backend(on(&fake)).scan(&cx, Arc::default()).await;
    assert!(told(&error.unwrap_err()).contains("fewer requests"));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let asked = fake.asked().len();
    assert!((2..8).contains(&asked), "{asked} requests in 2 s");
}

fn more(inner: &str, token: &str) -> Told {
    page(&format!(
        "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>{inner}"
    ))
}

#[rstest]
#[case::same_token(|_: &Asked| more(&object("a", "1"), "t"), "again and again")]
#[case::same_keys(|asked: &Asked| more(&object("a", "1"), &asked.number.to_string()), "again and again")]
#[case::nothing(|asked: &Asked| more("", &asked.number.to_string()), "lists nothing")]
#[case::two_tokens(|asked: &Asked| more(&object(&asked.number.to_string(), "1"), ["a", "b"][asked.number % 2]), "again and again")]
#[case::three_keys(|asked: &Asked| more(&object(["a", "b", "c"][asked.number % 3], "1"), &asked.number.to_string()), "again and again")]
#[case::no_marker(|_: &Asked| page(&format!("<IsTruncated>true</IsTruncated>{}", object("a", "1"))), "again and again")]
#[case::no_token(|_: &Asked| page("<IsTruncated>true</IsTruncated>"), "not how to ask")]
#[tokio::test]
async fn endless_listings_end(#[case] answer: fn(&Asked) -> Told, #[case] says: &str) {
    let fake = Fake::start(answer).await;
    let counted = scan(&backend(on(&fake))).await;
    assert_eq!(counted.errors, 1, "{counted:?}");
    assert!(
        counted.first_error.as_ref().unwrap().contains(says),
        "{counted:?}"
    );
}

#[tokio::test]
async fn requests_are_bounded() {
    let fake = Fake::start(|asked| {
        let number = asked.number;
        more(&object(&format!("k{number}"), "1"), &format!("t{number}"))
    })
    .await;
    let limits = Limits {
        requests: 25,
        ..S3Backend::limits()
    };
    let counted = scan(&backend_with(on(&fake), limits)).await;
    assert!(
        counted.truncated.as_ref().unwrap().contains("25 requests"),
        "{counted:?}"
    );
    assert_eq!(fake.asked().len(), 25);
}

#[rstest]
#[case::huge("18446744073709551615", Some(i64::MAX as u64), 0)]
#[case::too_huge("99999999999999999999999", None, 2)]
#[case::negative("-1", None, 2)]
#[case::words("many", None, 2)]
#[case::nothing("", None, 2)]
#[tokio::test]
async fn sizes_that_can_not_be(#[case] size: &'static str, #[case] bytes: Option<u64>, #[case] errors: u64) {
    let fake = Fake::start(move |_| page(&format!("{}{}", object("a", size), object("b", size)))).await;
    let counted = scan(&backend(on(&fake))).await;
    assert_eq!(counted.files, 2);
    assert_eq!(counted.bytes.map(storage_domain::ByteCount::get), bytes);
    assert_eq!(counted.errors, errors);
}

#[tokio::test]
async fn prefixes_outside_of_the_backend_are_not_followed() {
    let fake = Fake::start(|asked| match asked.get("delimiter") {
        "/" => page("<CommonPrefixes><Prefix>other/</Prefix></CommonPrefixes>"),
        _ => page(&object("in/a.iso", "1")),
    })
    .await;
    let counted = scan(&backend(with(on(&fake), &json!({ "prefix": "in/" })))).await;
    assert_eq!(counted.files, 1);
    assert!(
        fake.asked().iter().all(|asked| asked.get("prefix") == "in/"),
        "{:?}",
        fake.asked()
    );
}

/// Servers differ in how they encode what they name: some as a path's segment, in which `&` and `+` stand for themselves.
#[rstest]
#[case::path_segment(["R&amp;D/", "plain/"], 3, 3)]
#[case::blank(["my%20images/", "plain/"], 3, 2)]
#[case::plus(["a+b/", "plain/"], 3, 2)]
#[tokio::test]
async fn prefixes_are_understood_or_not_relied_on(
    #[case] named: [&'static str; 2],
    #[case] files: u64,
    #[case] requests: usize,
) {
    const KEYS: [&str; 4] = ["R&D/a.iso", "a+b/a.iso", "my images/b.iso", "plain/c.iso"];
    let shown: Vec<&str> = KEYS
        .into_iter()
        .filter(|key| named.iter().any(|one| key.starts_with(&one[..1])))
        .collect();
    let fake = Fake::start(move |asked| {
        if asked.get("delimiter") == "/" {
            let prefixes =
                named.map(|one| format!("<CommonPrefixes><Prefix>{one}</Prefix></CommonPrefixes>"));
            return page(&format!(
                "<EncodingType>url</EncodingType>{}{}",
                prefixes.concat(),
                object("top", "1")
            ));
        }
        let below = shown.iter().filter(|key| key.starts_with(asked.get("prefix")));
        let mut found: String = below.map(|key| object(&key.replace('&', "&amp;"), "1")).collect();
        if asked.get("prefix").is_empty() {
            found.push_str(&object("top", "1"));
        }
        page(&found)
    })
    .await;
    let counted = scan(&backend(on(&fake))).await;
    assert_eq!((counted.files, counted.errors), (files, 0), "{:?}", fake.asked());
    assert_eq!(counted.bytes.map(storage_domain::ByteCount::get), Some(files));
    assert_eq!(fake.asked().len(), requests);
}

/// A sum is never dropped because of a gap.
#[tokio::test]
async fn a_sum_with_gaps_is_marked() {
    let fake = Fake::start(|asked| match (asked.get("delimiter"), asked.get("prefix")) {
        ("/", _) => page(
            "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>",
        ),
        (_, "a/") => page(&object("a/1.iso", "5")),
        _ => refusal(403, "AccessDenied", "Access Denied", ""),
    })
    .await;
    let counted = scan(&backend(on(&fake))).await;
    assert_eq!(
        (counted.files, counted.bytes.map(storage_domain::ByteCount::get)),
        (1, Some(5))
    );
    assert_eq!(counted.incomplete().map(|gaps| gaps.errors), Some(1));
}

#[tokio::test]
async fn cancelling_ends_a_scan() {
    let fake = Fake::start(|asked| {
        let number = asked.number;
        more(&object(&format!("k{number}"), "1"), &format!("t{number}"))
    })
    .await;
    let cancel = CancellationToken::new();
    let cx = OpContext::within(Duration::from_mins(1)).with_cancel(cancel.clone());
    let progress = Arc::<ScanProgress>::default();
    let watched = Arc::clone(&progress);
    tokio::spawn(async move {
        while watched.files() < 10 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    let begun = Instant::now();
    let ended = backend(on(&fake)).scan(&cx, progress).await;
    assert!(ended.as_ref().is_err_and(Error::is_cancelled), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// Servers that know version 1 alone: they ignore `list-type=2`, or refuse it.
#[rstest]
#[case::last_key(false, false)]
#[case::next_marker(true, false)]
#[case::refused(false, true)]
#[tokio::test]
async fn listings_of_version_1(#[case] is_named: bool, #[case] is_strict: bool) {
    const PAGE: usize = 3;
    let fake = Fake::start(move |asked| {
        if is_strict && asked.get("list-type") == "2" {
            return refusal(501, "NotImplemented", "list-type", "");
        }
        let keys: Vec<String> = (0..8).map(|number| format!("a {number}&.iso")).collect();
        let left: Vec<&String> = keys
            .iter()
            .filter(|key| key.as_str() > asked.get("marker"))
            .collect();
        let page_of = &left[..left.len().min(PAGE)];
        let objects: String = page_of
            .iter()
            .map(|key| object(&key.replace('&', "&amp;"), "2"))
            .collect();
        let is_more = left.len() > PAGE;
        let marker = match page_of.last() {
            Some(last) if is_named && is_more => {
                format!("<NextMarker>{}</NextMarker>", last.replace('&', "&amp;"))
            }
            _ => String::new(),
        };
        page(&format!("<IsTruncated>{is_more}</IsTruncated>{marker}{objects}"))
    })
    .await;
    let backend = backend(on(&fake));
    let counted = scan(&backend).await;
    assert_eq!((counted.files, counted.errors), (8, 0), "{:?}", fake.asked());
    assert_eq!(counted.bytes.map(storage_domain::ByteCount::get), Some(16));
    let before = fake.asked().len();
    scan(&backend).await;
    let asked = fake.asked().split_off(before);
    assert!(
        asked
            .iter()
            .all(|asked| is_strict == asked.get("list-type").is_empty()),
        "{asked:?}"
    );
}
