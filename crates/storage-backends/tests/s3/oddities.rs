//! Answers that are odd and can be read all the same, and what a passed test keeps to itself.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::s3::fake::{Fake, object, page};
use crate::s3::fakes::on;
use crate::s3::{backend, probe, scan, with};

#[rstest]
#[case::declared(true)]
#[case::undeclared(false)]
#[tokio::test]
async fn gzip_is_read(#[case] is_declared: bool) {
    let fake = Fake::start(move |_| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder
            .write_all(page(&object("a.iso", "7")).2.as_bytes())
            .unwrap();
        let headers = is_declared.then(|| ("content-encoding", "gzip".to_owned()));
        (200, headers.into_iter().collect(), encoder.finish().unwrap())
    })
    .await;
    let backend = backend(on(&fake));
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(scan(&backend).await.files, 1);
}

#[rstest]
#[case::latin_1(b"gr\xfcn.iso")]
#[case::control(b"a\x04b.iso")]
#[case::ampersand(b"R&D.iso")]
#[tokio::test]
async fn one_odd_key_counts(#[case] key: &'static [u8]) {
    let fake = Fake::start(move |_| {
        let (status, headers, body) = page(&format!("{}{}", object("a.iso", "1"), object("KEY", "2")));
        let (before, after) = body.split_once("KEY").unwrap();
        (
            status,
            headers,
            [before.as_bytes(), key, after.as_bytes()].concat(),
        )
    })
    .await;
    let backend = backend(on(&fake));
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    let counted = scan(&backend).await;
    assert_eq!((counted.files, counted.templates, counted.errors), (2, 2, 0));
    assert_eq!(counted.bytes.unwrap().get(), 3);
}

/// Keys that are not UTF-8 are where a server goes on, and where prefixes are listed, by their own bytes.
#[rstest]
#[case::version_1(true, false)]
#[case::version_1_encoded(true, true)]
#[case::prefixes(false, false)]
#[case::prefixes_encoded(false, true)]
#[tokio::test]
async fn keys_that_are_not_utf8(#[case] is_version_1: bool, #[case] is_encoded: bool) {
    const KEYS: [&str; 5] = ["a%FC/1.iso", "a%FC/%FE.iso", "b%FC/1.iso", "c%FF.iso", "d%FF.iso"];
    let fake = Fake::start(move |asked| {
        let value = |name: &str| {
            let mut pairs = asked.target.split(['?', '&']);
            let found = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().replace("%2F", "/")
        };
        let (prefix, marker) = (value("prefix"), value("marker"));
        let below = KEYS.iter().filter(|key| key.starts_with(&prefix));
        let mut left: Vec<&str> = below.copied().collect();
        if let Some(at) = left.iter().position(|key| *key == marker) {
            left.drain(..=at);
        }
        let shown = |key: &str| {
            let decoded = percent_encoding::percent_decode_str(key).collect();
            if is_encoded {
                key.as_bytes().to_vec()
            } else {
                decoded
            }
        };
        let mut body = b"<ListBucketResult>".to_vec();
        if is_encoded {
            body.extend(b"<EncodingType>url</EncodingType>");
        }
        let is_level = asked.get("delimiter") == "/" && !is_version_1;
        if is_level {
            for prefix in ["a%FC/", "b%FC/"] {
                body.extend(
                    [
                        &b"<CommonPrefixes><Prefix>"[..],
                        &shown(prefix),
                        b"</Prefix></CommonPrefixes>",
                    ]
                    .concat(),
                );
            }
            left.retain(|key| key.starts_with(['c', 'd']));
        }
        let count = if is_version_1 { 1 } else { KEYS.len() };
        for key in left.iter().take(count) {
            body.extend(
                [
                    b"<Contents><Key>",
                    &*shown(key),
                    b"</Key><Size>2</Size></Contents>",
                ]
                .concat(),
            );
        }
        let is_more = left.len() > count;
        body.extend(format!("<IsTruncated>{is_more}</IsTruncated></ListBucketResult>").bytes());
        (200, Vec::new(), body)
    })
    .await;
    let counted = scan(&backend(on(&fake))).await;
    assert_eq!((counted.files, counted.errors), (5, 0), "{:?}", fake.asked());
    assert_eq!(counted.bytes.map(storage_domain::ByteCount::get), Some(10));
}

#[rstest]
#[case::full("images/", &object("images/a", "1"), 0, "The bucket images can be listed")]
#[case::empty("", "", 0, "The bucket images can be listed. It holds no object yet")]
#[case::prefix(
    "imgs/",
    "",
    0,
    "The bucket images can be listed. No object is below imgs/, so check prefix"
)]
#[case::clock("", &object("a", "1"), 5, "The bucket images can be listed. The clocks of this host and of the server differ by 5 min: set them by NTP before the server refuses requests")]
#[tokio::test]
async fn reservations(
    #[case] prefix: &str,
    #[case] inner: &str,
    #[case] minutes: u64,
    #[case] message: &str,
) {
    let inner = inner.to_owned();
    let fake = Fake::start(move |_| {
        let (status, mut headers, body) = page(&inner);
        let at =
            OffsetDateTime::from(SystemTime::now() + Duration::from_secs(minutes * 60 + 30 * minutes.min(1)));
        headers.push(("date", at.format(&Rfc2822).unwrap()));
        (status, headers, body)
    })
    .await;
    let prefix = (!prefix.is_empty()).then_some(prefix);
    let report = probe(&backend(with(on(&fake), &json!({ "prefix": prefix })))).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(report.message(), message);
}
