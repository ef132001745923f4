//! A bucket of 100,000 objects is counted in bounded memory; in a process of its own, which nothing else grows.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use storage_backends::s3::S3Backend;
use storage_backends::{OpContext, Settings, Tree as _};
use storage_domain::{BackendConfig, BackendKind};

use crate::s3::fake::{Asked, Fake, Told, object, page};
use crate::support::alone::is_alone;

const PREFIXES: usize = 10;
const PAGES: usize = 10;
const KEYS: usize = 1000;
/// What counting may add to this process's resident memory, the fake's pages included.
const GROWTH_KIB: u64 = 16 * 1024;

fn answer(asked: &Asked) -> Told {
    let mut inner = String::new();
    if asked.get("delimiter") == "/" {
        for n in 0..PREFIXES {
            write!(inner, "<CommonPrefixes><Prefix>p{n}/</Prefix></CommonPrefixes>").unwrap();
        }
        return page(&inner);
    }
    let (prefix, number) = (
        asked.get("prefix"),
        asked.get("continuation-token").parse().unwrap_or(0_usize),
    );
    let last = number + 1 == PAGES;
    write!(inner, "<IsTruncated>{}</IsTruncated>", !last).unwrap();
    if !last {
        let next = number + 1;
        write!(inner, "<NextContinuationToken>{next}</NextContinuationToken>").unwrap();
    }
    for n in 0..KEYS {
        inner += &object(&format!("{prefix}{number:04}/{n:06}.iso"), "3");
    }
    page(&inner)
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn memory_does_not_grow_with_the_bucket() {
    if !is_alone("s3::memory::memory_does_not_grow_with_the_bucket", &[]) {
        return;
    }
    let fake = Fake::start(answer).await;
    let config = json!({
        "endpoint": fake.url(), "bucket": "images", "access_key_id": "AK", "secret_access_key": "secret",
    });
    let config = BackendConfig::parse(BackendKind::S3, config.as_object().unwrap()).unwrap();
    let BackendConfig::S3(s3) = config else {
        unreachable!()
    };
    let backend = S3Backend::new(&s3, &Settings::new(None), S3Backend::limits()).unwrap();
    let cx = OpContext::within(Duration::from_mins(2));
    let before = resident_kib();
    let begun = Instant::now();
    let counted = backend.scan(&cx, Arc::default()).await.unwrap();
    let (took, after) = (begun.elapsed(), resident_kib());
    let expected = u64::try_from(PREFIXES * PAGES * KEYS).unwrap();
    assert_eq!((counted.files, counted.templates), (expected, expected));
    assert_eq!(counted.bytes.unwrap().get(), expected * 3);
    assert_eq!(
        counted.directories,
        u64::try_from(1 + PREFIXES + PREFIXES * PAGES).unwrap()
    );
    assert_eq!(fake.asked().len(), 1 + PREFIXES * PAGES);
    let growth = after.saturating_sub(before);
    assert!(growth < GROWTH_KIB, "{growth} KiB more after {took:?}");
}
