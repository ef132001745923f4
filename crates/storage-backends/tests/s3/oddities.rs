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

#[rstest]
#[case::full("images/", &object("images/a", "1"), 0, "The bucket images can be listed")]
#[case::empty("", "", 0, "The bucket images can be listed; it holds no object yet")]
#[case::prefix(
    "imgs/",
    "",
    0,
    "The bucket images can be listed; no object is below imgs/, so check prefix"
)]
#[case::clock("", &object("a", "1"), 5, "The bucket images can be listed; the clocks of this host and of the server differ by 5 min: set them by NTP before the server refuses requests")]
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
