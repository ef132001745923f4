//! Where requests name the bucket: in the host name, in the path, and what is done where the first is of no use.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::net::{NameError, Network};
use storage_backends::s3::S3Backend;
use storage_backends::{Settings, Tree as _};

use crate::s3::fake::{Asked, Fake, Told, object, page, refusal};
use crate::s3::s3s_fs::{KEY, Server};
use crate::s3::site::site;
use crate::s3::swift::{self, Swift};
use crate::s3::trees::{DIRECTORIES, OBJECTS, TEMPLATES, bytes};
use crate::s3::{backend_in, check, config, cx, failure, probe, scan, with};

/// The service, and its bucket's name in the DNS.
const NAME: &str = "s3.lab";
const BUCKET_NAME: &str = "images.s3.lab";
const SECURE: &str = "https://s3.lab";
const PLAIN: &str = "http://s3.lab";

/// Settings in which names lead to ports of the loopback; port 0 is a name that is not there.
fn where_are(names: &[(&str, u16)]) -> Settings {
    let place = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let places = names.iter().map(|(name, port)| {
        let addrs = (*port != 0).then(|| place(*port));
        ((*name).to_owned(), addrs.into_iter().collect())
    });
    Settings {
        network: Network::with_places(places),
        ..Settings::new(None)
    }
}

fn bucket(settings: &Settings, endpoint: &str, more: &Value) -> S3Backend {
    let config = with(config(endpoint, "images", KEY), &json!({ "region": "us-east-1" }));
    backend_in(settings, with(config, more), S3Backend::limits())
}

/// Signing, listing and counting of keys that are hard to write, with the bucket in the name.
#[rstest]
#[case::auto(PLAIN, NAME, json!({}))]
#[case::wanted(PLAIN, NAME, json!({ "addressing": "virtual" }))]
#[case::with_a_port("http://s3.lab:9000", "s3.lab:9000", json!({ "addressing": "virtual" }))]
#[tokio::test]
async fn buckets_are_found_by_name(#[case] endpoint: &str, #[case] domain: &str, #[case] more: Value) {
    let server = Server::with_domain(domain).await;
    for (key, size) in OBJECTS {
        server.put(key, size);
    }
    let settings = where_are(&[(NAME, server.port()), (BUCKET_NAME, server.port())]);
    let backend = bucket(&settings, endpoint, &more);
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    let resolved = &check(&report, "resolve").detail;
    assert!(resolved.starts_with("images.s3.lab is 127.0.0.1"), "{resolved}");
    let counted = scan(&backend).await;
    assert_eq!((counted.errors, &counted.first_error), (0, &None));
    assert_eq!(counted.files, OBJECTS.len() as u64);
    assert_eq!(counted.bytes.unwrap().get(), bytes());
    assert_eq!((counted.templates, counted.directories), (TEMPLATES, DIRECTORIES));
    for (prefix, files) in [
        ("sub dir/", 2),
        ("ünï/", 1),
        ("sub+2/", 1),
        ("100%", 1),
        ("日本", 1),
    ] {
        let below = with(more.clone(), &json!({ "prefix": prefix }));
        assert_eq!(
            scan(&bucket(&settings, endpoint, &below)).await.files,
            files,
            "{prefix}"
        );
    }
    let wrong = with(more, &json!({ "secret_access_key": "canary-hush-other" }));
    let report = probe(&bucket(&settings, endpoint, &wrong)).await;
    assert_eq!(failure(&report).0, "credentials", "{report:#?}");
}

fn listing() -> Told {
    page(&object("a%20b/größe+1.iso", "7"))
}

fn account() -> Told {
    let body = "<ListAllMyBucketsResult><Buckets><Bucket><Name>images</Name></Bucket></Buckets></ListAllMyBucketsResult>";
    (200, Vec::new(), body.to_owned())
}

/// Servers that do not look for buckets in host names: by what they say instead, `auto` finds the path.
#[rstest]
#[case::account(|_: &Asked| account())]
#[case::the_name_is_the_bucket(|_: &Asked| refusal(404, "NoSuchBucket", "images.s3.lab", ""))]
#[case::no_bucket_can_have_it(|_: &Asked| refusal(400, "InvalidBucketName", "images.s3.lab", ""))]
#[case::no_look_at_the_account(|_: &Asked| refusal(403, "AccessDenied", "Access Denied", ""))]
#[case::another_site(|_: &Asked| (404, Vec::new(), "<html>Welcome</html>".to_owned()))]
#[tokio::test]
async fn auto_falls_back_by_the_answer(#[case] virtual_host: fn(&Asked) -> Told) {
    let fake = Fake::start(move |asked| match (asked.host.as_str(), asked.path.as_str()) {
        (BUCKET_NAME, "/") => virtual_host(asked),
        (NAME, "/images") => listing(),
        other => panic!("{other:?}"),
    })
    .await;
    let settings = where_are(&[(NAME, fake.port()), (BUCKET_NAME, fake.port())]);
    let auto = bucket(&settings, PLAIN, &json!({}));
    assert_eq!(scan(&auto).await.files, 1);
    let asked = fake.asked().len();
    let report = probe(&auto).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(fake.asked().len(), asked + 1, "what was learned stays");
    let fresh = bucket(&settings, PLAIN, &json!({}));
    let report = probe(&fresh).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(scan(&fresh).await.files, 1);
    let wanted = bucket(&settings, PLAIN, &json!({ "addressing": "virtual" }));
    assert!(!probe(&wanted).await.passed());
}

/// Names that are not there, and certificates that do not cover them.
#[rstest]
#[case::unknown_name(false, &[NAME])]
#[case::certificate(true, &[NAME])]
#[tokio::test]
async fn auto_falls_back_by_the_name(#[case] known: bool, #[case] covered: &[&str]) {
    let fake = Fake::start(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        (NAME, "/images") => listing(),
        other => panic!("{other:?}"),
    })
    .await;
    let (side, pem) = site(covered);
    let url = fake.behind_tls(side).await;
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let settings = where_are(&[(NAME, port), (BUCKET_NAME, if known { port } else { 0 })]);
    let trusting = json!({ "ca_pem": pem });
    let report = probe(&bucket(&settings, SECURE, &trusting)).await;
    assert!(report.passed(), "{report:#?}");
    assert!(
        check(&report, "resolve").detail.starts_with("s3.lab is"),
        "{report:#?}"
    );
    assert_eq!(fake.connections(), 1, "the connection of the checks is used");
    assert_eq!(scan(&bucket(&settings, SECURE, &trusting)).await.files, 1);
    let wanted = with(trusting, &json!({ "addressing": "virtual" }));
    let report = probe(&bucket(&settings, SECURE, &wanted)).await;
    let (name, says) = if known {
        ("tls", "is for s3.lab and not for images.s3.lab")
    } else {
        ("resolve", "The name images.s3.lab is not known")
    };
    let found = failure(&report);
    assert!(found.0 == name && found.1.contains(says), "{found:?}");
    assert!(found.1.contains("; or set addressing to path, if"), "{found:?}");
}

#[tokio::test]
async fn a_certificate_for_all_names_below_is_enough() {
    let fake = Fake::start(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        (BUCKET_NAME, "/") => listing(),
        other => panic!("{other:?}"),
    })
    .await;
    let (side, pem) = site(&["*.s3.lab"]);
    let url = fake.behind_tls(side).await;
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let settings = where_are(&[(NAME, port), (BUCKET_NAME, port)]);
    let backend = bucket(&settings, SECURE, &json!({ "ca_pem": pem }));
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!((fake.connections(), fake.asked().len()), (1, 1));
    assert_eq!(scan(&backend).await.files, 1);
}

/// A bucket that is in neither place is told by what the first place said, and neither is asked for ever.
#[tokio::test]
async fn what_is_nowhere_is_told_once() {
    let fake = Fake::start(|asked| match asked.host.as_str() {
        BUCKET_NAME => refusal(404, "NoSuchBucket", "The specified bucket does not exist", ""),
        _ => refusal(403, "SecondLevelDomainForbidden", "Use virtual hosted style", ""),
    })
    .await;
    let settings = where_are(&[(NAME, fake.port()), (BUCKET_NAME, fake.port())]);
    let backend = bucket(&settings, PLAIN, &json!({}));
    for asked in [2, 4] {
        let report = probe(&backend).await;
        assert_eq!(failure(&report).0, "bucket", "{report:#?}");
        assert_eq!(fake.asked().len(), asked);
    }
}

/// A service on a port of its own, which allows the bucket in the host name alone.
#[rstest]
#[case::code("SecondLevelDomainForbidden", "Access Denied")]
#[case::words("InvalidRequest", "Path-style requests are not supported.")]
#[tokio::test]
async fn auto_finds_the_host_name(#[case] code: &'static str, #[case] message: &'static str) {
    const PORT: &str = "http://s3.lab:9000";
    let fake = Fake::start(move |asked| match asked.host.as_str() {
        "images.s3.lab:9000" => listing(),
        _ => refusal(403, code, message, ""),
    })
    .await;
    let settings = where_are(&[(NAME, fake.port()), (BUCKET_NAME, fake.port())]);
    let auto = bucket(&settings, PORT, &json!({}));
    let report = probe(&auto).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(scan(&auto).await.files, 1);
    assert_eq!(fake.asked().len(), 3, "what was learned stays");
    let path = bucket(&settings, PORT, &json!({ "addressing": "path" }));
    let report = probe(&path).await;
    let found = failure(&report);
    assert!(
        found.0 == "bucket" && found.1.contains("set addressing to virtual"),
        "{found:?}"
    );
    let unnamed = where_are(&[(NAME, fake.port()), (BUCKET_NAME, 0)]);
    let report = probe(&bucket(&unnamed, PORT, &json!({}))).await;
    let found = failure(&report).1;
    assert!(found.contains("the bucket's name before s3.lab:9000"), "{found}");
}

/// A name server that fails for a moment is no reason to look for the bucket elsewhere from then on.
#[tokio::test]
async fn a_name_that_is_unknown_for_a_while_decides_nothing() {
    let fake = Fake::start(|asked| match asked.host.as_str() {
        BUCKET_NAME => listing(),
        _ => refusal(403, "SecondLevelDomainForbidden", "Use virtual hosted style", ""),
    })
    .await;
    let is_known = Arc::new(AtomicBool::new(false));
    let (told, port) = (Arc::clone(&is_known), fake.port());
    let names = move |name: &str| {
        let is_there = name == NAME || told.load(Ordering::SeqCst);
        Some(if is_there {
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
        } else {
            Err(NameError::Unknown)
        })
    };
    let settings = Settings {
        network: Network::with_names(names),
        ..Settings::new(None)
    };
    let backend = bucket(&settings, PLAIN, &json!({}));
    let report = probe(&backend).await;
    assert!(!report.passed(), "{report:#?}");
    assert!(backend.scan(&cx(), Arc::default()).await.is_err());
    is_known.store(true, Ordering::SeqCst);
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(scan(&backend).await.files, 1);
}

/// Swift without a domain of its own shows the account.
#[tokio::test]
async fn auto_finds_swifts_buckets() {
    let swift = Swift::start().await;
    let settings = where_are(&[(NAME, swift.port()), (BUCKET_NAME, swift.port())]);
    let more = json!({ "access_key_id": swift::KEY, "region": null });
    let backend = bucket(&settings, PLAIN, &more);
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    assert!(
        check(&report, "credentials").detail.contains("lab-1"),
        "{report:#?}"
    );
    assert_eq!(scan(&backend).await.files, OBJECTS.len() as u64 + 1);
}

/// s3s takes a whole foreign name for that of a bucket, in either style.
#[tokio::test]
async fn a_server_of_another_name_has_no_such_bucket() {
    let server = Server::with_domain("other.lab").await;
    let settings = where_are(&[(NAME, server.port()), (BUCKET_NAME, server.port())]);
    let report = probe(&bucket(&settings, PLAIN, &json!({}))).await;
    assert_eq!(failure(&report).0, "bucket", "{report:#?}");
}
