//! How many connections and requests probes make, alone and many at once.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::http::{HttpBackend, Limits};
use storage_backends::net::{NameError, Network};
use storage_backends::s3::S3Backend;
use storage_backends::{Backend, OpContext, Settings};
use storage_domain::{BackendConfig, BackendKind, Outcome, ProbeReport};

use crate::s3::fake::{Asked, Fake, Told, object, page, refusal};
use crate::support::closed::ClosedPort;
use crate::support::site::site;

/// How many probes run at once.
const MANY: usize = 100;
/// A bucket and a directory of one file; the bucket is in the region `lab-1`.
fn answer(asked: &Asked) -> Told {
    let kind = |value: &str| vec![("content-type", value.to_owned())];
    match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/images") if asked.authorization.contains("/lab-1/s3/") => page(&object("a.iso", "7")),
        (_, "/images") => refusal(400, "AuthorizationHeaderMalformed", "", "<Region>lab-1</Region>"),
        (_, "/") => (
            200,
            kind("text/html"),
            "<title>Index of /</title><a href=a.iso>a.iso</a>".to_owned(),
        ),
        ("GET", _) => (
            206,
            vec![("content-range", "bytes 0-0/7".to_owned())],
            "x".to_owned(),
        ),
        _ => (200, Vec::new(), "1234567".to_owned()),
    }
}

fn bucket(url: &str, settings: &Settings, more: &Value) -> Box<dyn Backend> {
    let mut config = json!({
        "endpoint": url, "bucket": "images", "access_key_id": "AK", "secret_access_key": "SK", "region": "lab-1",
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    match BackendConfig::parse(BackendKind::S3, config.as_object().unwrap()).unwrap() {
        BackendConfig::S3(config) => {
            Box::new(S3Backend::new(&config, settings, S3Backend::limits()).unwrap())
        }
        _ => unreachable!(),
    }
}

fn directory(url: &str, settings: &Settings, more: &Value) -> Box<dyn Backend> {
    let mut config = json!({ "base_url": url });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    match BackendConfig::parse(BackendKind::Http, config.as_object().unwrap()).unwrap() {
        BackendConfig::Http(config) => {
            Box::new(HttpBackend::new(&config, settings, Limits::default()).unwrap())
        }
        _ => unreachable!(),
    }
}

type Make = fn(&str, &Settings, &Value) -> Box<dyn Backend>;

async fn probe(backend: &dyn Backend) -> ProbeReport {
    let cx = OpContext::within(Duration::from_mins(1));
    backend.probe(&cx).await.unwrap()
}

fn failed(report: &ProbeReport) -> Option<&'static str> {
    let failed = report
        .checks
        .iter()
        .find(|check| check.outcome == Outcome::Failed);
    failed.map(|check| check.name)
}

/// The fake's URL, and what a config needs to trust it.
async fn url_of(fake: &Fake, tls: bool) -> (String, Value) {
    if !tls {
        return (fake.url(), json!({}));
    }
    let (side, pem) = site(&["127.0.0.1"]);
    (fake.behind_tls(side).await, json!({ "ca_pem": pem }))
}

#[rstest]
#[case::bucket(bucket, json!({}), &["GET /images"])]
#[case::bucket_of_unknown_region(bucket, json!({ "region": null }), &["GET /images", "GET /images"])]
#[case::directory(directory, json!({}), &["GET /", "GET /a.iso", "HEAD /a.iso"])]
#[tokio::test]
async fn one_probe_makes_one_connection(
    #[case] make: Make,
    #[case] config: Value,
    #[case] requests: &[&str],
    #[values(false, true)] tls: bool,
) {
    let fake = Fake::start(answer).await;
    let (url, mut more) = url_of(&fake, tls).await;
    more.as_object_mut()
        .unwrap()
        .extend(config.as_object().unwrap().clone());
    let report = probe(&*make(&url, &Settings::new(None), &more)).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(fake.connections(), 1);
    let asked = fake.asked();
    let asked: Vec<_> = asked
        .iter()
        .map(|asked| format!("{} {}", asked.method, asked.path))
        .collect();
    assert_eq!(asked, requests);
}

#[rstest]
#[case::buckets(bucket, 1)]
#[case::directories(directory, 3)]
#[tokio::test]
async fn many_probes_make_a_connection_each(
    #[case] make: Make,
    #[case] requests: usize,
    #[values(false, true)] tls: bool,
) {
    let fake = Fake::start(answer).await;
    let (url, more) = url_of(&fake, tls).await;
    let settings = Settings::new(None);
    let backends: Vec<_> = (0..MANY).map(|_| make(&url, &settings, &more)).collect();
    let reports = join_all(backends.iter().map(|backend| probe(&**backend))).await;
    for report in &reports {
        assert!(report.passed(), "{report:#?}");
    }
    assert_eq!(fake.asked().len(), MANY * requests);
    assert_eq!(fake.connections(), MANY);
}

#[rstest]
#[tokio::test]
async fn each_sends_its_own_key() {
    let fake = Fake::start(answer).await;
    let settings = Settings::new(None);
    let keys: Vec<String> = (0..MANY).map(|n| format!("AK{n:03}")).collect();
    let backends: Vec<_> = keys
        .iter()
        .map(|key| bucket(&fake.url(), &settings, &json!({ "access_key_id": key })))
        .collect();
    join_all(backends.iter().map(|backend| probe(&**backend))).await;
    let asked = fake.asked();
    for key in &keys {
        let sent = format!("Credential={key}/");
        assert_eq!(
            asked.iter().filter(|a| a.authorization.contains(&sent)).count(),
            1,
            "{key}"
        );
    }
}

#[rstest]
#[case::bucket(bucket)]
#[case::directory(directory)]
#[tokio::test]
async fn a_later_probe_connects_anew(#[case] make: Make) {
    let fake = Fake::start(answer).await;
    let settings = Settings::new(None);
    let (first, second) = (
        make(&fake.url(), &settings, &json!({})),
        make(&fake.url(), &settings, &json!({})),
    );
    for connections in 1..=3 {
        let backend = if connections == 2 { &second } else { &first };
        assert!(probe(&**backend).await.passed());
        assert_eq!(fake.connections(), connections);
    }
}

#[rstest]
#[case::bucket(bucket)]
#[case::directory(directory)]
#[tokio::test]
async fn what_is_trusted_is_not_shared(#[case] make: Make) {
    let fake = Fake::start(answer).await;
    let (url, trusted) = url_of(&fake, true).await;
    let (_, other) = site(&["127.0.0.1"]);
    let settings = Settings::new(None);
    let backends = [
        make(&url, &settings, &json!({ "tls_verify": false })),
        make(&url, &settings, &json!({})),
        make(&url, &settings, &trusted),
        make(&url, &settings, &json!({ "ca_pem": other })),
    ];
    let reports = join_all(backends.iter().map(|backend| probe(&**backend))).await;
    let found: Vec<_> = reports.iter().map(failed).collect();
    assert_eq!(found, [None, Some("tls"), None, Some("tls")], "{reports:#?}");
}

#[rstest]
#[case::buckets(bucket)]
#[case::directories(directory)]
#[tokio::test]
async fn many_probes_of_nothing_fail_by_themselves(#[case] make: Make) {
    let closed = ClosedPort::take();
    let url = format!("http://127.0.0.1:{}", closed.number);
    let settings = Settings::new(None);
    let backends: Vec<_> = (0..MANY).map(|_| make(&url, &settings, &json!({}))).collect();
    let reports = join_all(backends.iter().map(|backend| probe(&**backend))).await;
    assert!(reports.iter().all(|report| failed(report) == Some("connect")));
}

/// An unreachable name server is not an unknown name.
#[rstest]
#[case::bucket(bucket)]
#[case::directory(directory)]
#[tokio::test]
async fn name_servers_that_are_down_are_reported(
    #[case] make: Make,
    #[values(NameError::Unknown, NameError::NoAnswer)] error: NameError,
) {
    let says = match error {
        NameError::Unknown => "The name nas is not known to the name server",
        _ => "because the name servers do not answer",
    };
    let error = Mutex::new(Some(error));
    let names = move |_: &str| Some(Err(error.lock().unwrap().take().unwrap()));
    let settings = Settings {
        network: Network::with_names(names),
        ..Settings::new(None)
    };
    let report = probe(&*make("http://nas", &settings, &json!({}))).await;
    assert_eq!(failed(&report), Some("resolve"));
    assert!(report.message().contains(says), "{}", report.message());
}
