//! Certificates: what is accepted, and what is said of those that are not.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::http::Limits;
use storage_domain::ProbeReport;
use time::{Duration, OffsetDateTime};

use crate::http::servers::{Server, Tree, nginx};
use crate::http::{backend, check, failure, probe, scan};

/// A certificate's text and its key's.
struct Certificate {
    pem: String,
    key: String,
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority {
        pem,
        issuer: Issuer::new(params, key),
    }
}

fn params(name: &str, last_year: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last_year, 12, 31);
    params
}

fn signed(authority: &Authority, params: &CertificateParams) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
    Certificate {
        pem,
        key: key.serialize_pem(),
    }
}

/// As `openssl req -x509` makes one: an authority by its own word.
fn self_signed(mut params: CertificateParams) -> Certificate {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    Certificate {
        pem: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn serve(tree: &Tree, certificate: &Certificate) -> (Server, String) {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().display();
    fs::write(dir.path().join("cert"), &certificate.pem).unwrap();
    fs::write(dir.path().join("key"), &certificate.key).unwrap();
    let tls = format!("autoindex on; ssl_certificate {at}/cert; ssl_certificate_key {at}/key;");
    let server = nginx(&tree.path(), &tls);
    let url = format!("https://127.0.0.1:{}", server.port);
    (server, url)
}

async fn probe_with(mut config: Value, url: &str) -> ProbeReport {
    config["base_url"] = url.into();
    probe(&backend(config, Limits::default())).await
}

#[tokio::test]
async fn private_authorities() {
    let (tree, authority) = (Tree::new(), authority());
    let (_server, url) = serve(&tree, &signed(&authority, &params("127.0.0.1", 2040)));
    let config = json!({ "base_url": url, "ca_pem": authority.pem });
    let trusting = backend(config, Limits::default());
    let report = probe(&trusting).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "tls").detail;
    // Which version it is depends on nginx's build.
    assert!(detail.starts_with("The server speaks TLS 1."), "{detail}");
    assert!(detail.ends_with("its certificate ends on 2040-12-31"), "{detail}");
    assert_eq!(scan(&trusting).await.files, 22);
    let strange = probe_with(json!({}), &url).await;
    let (name, detail) = failure(&strange);
    assert_eq!(name, "tls");
    assert!(detail.contains("ca_pem"), "{detail}");
    // Another one of the same name, as if it had been replaced.
    let namesake = probe_with(json!({ "ca_pem": self::authority().pem }), &url).await;
    let (name, detail) = failure(&namesake);
    assert_eq!(name, "tls");
    assert!(detail.contains("put its new certificate into ca_pem"), "{detail}");
}

#[rstest]
#[case::expired("127.0.0.1", 2025, "ended on 2025-12-31")]
#[case::wrong_name("boot.lab", 2040, "is for boot.lab and not for 127.0.0.1")]
#[tokio::test]
async fn certificates_that_do_not_fit(#[case] name: &str, #[case] last_year: i32, #[case] expected: &str) {
    let (tree, authority) = (Tree::new(), authority());
    let (_server, url) = serve(&tree, &signed(&authority, &params(name, last_year)));
    let report = probe_with(json!({ "ca_pem": authority.pem }), &url).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "tls");
    assert!(detail.contains(expected), "{detail}");
    let unverified = probe_with(json!({ "tls_verify": false }), &url).await;
    assert!(unverified.passed(), "{unverified:#?}");
    assert!(check(&unverified, "tls").detail.contains("NOT VERIFIED"));
}

#[rstest]
#[case::fits("127.0.0.1", 2040, None)]
#[case::expired("127.0.0.1", 2025, Some("ended on 2025-12-31"))]
#[case::wrong_name("boot.lab", 2040, Some("is for boot.lab"))]
#[tokio::test]
async fn self_signed_ones_in_ca_pem(
    #[case] name: &str,
    #[case] last_year: i32,
    #[case] expected: Option<&str>,
) {
    let (tree, certificate) = (Tree::new(), self_signed(params(name, last_year)));
    let (_server, url) = serve(&tree, &certificate);
    let report = probe_with(json!({ "ca_pem": certificate.pem }), &url).await;
    match expected {
        None => assert!(report.passed(), "{report:#?}"),
        Some(expected) => assert!(failure(&report).1.contains(expected), "{report:#?}"),
    }
}

#[rstest]
#[case::within_two_weeks(13, true)]
#[case::later(20, false)]
#[tokio::test]
async fn certificates_that_end_soon(#[case] days: i64, #[case] warned: bool) {
    let (tree, mut params) = (Tree::new(), params("127.0.0.1", 2040));
    // An hour more, so that as many whole days are left.
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days) + Duration::hours(1);
    let end = params.not_after.date().to_string();
    let certificate = self_signed(params);
    let (_server, url) = serve(&tree, &certificate);
    let report = probe_with(json!({ "ca_pem": certificate.pem }), &url).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "tls").detail;
    let says = if warned {
        format!("its certificate ends on {end}, in {days} days: renew it soon")
    } else {
        format!("its certificate ends on {end}")
    };
    assert!(detail.ends_with(&says), "{detail}");
}

#[tokio::test]
async fn schemes_that_the_port_does_not_speak() {
    let (tree, authority) = (Tree::new(), authority());
    let plain = nginx(&tree.path(), "autoindex on;");
    let report = probe_with(json!({}), &format!("https://127.0.0.1:{}", plain.port)).await;
    assert_eq!(failure(&report).0, "tls");
    assert!(failure(&report).1.contains("use http://"), "{report:#?}");
    let (_server, url) = serve(&tree, &signed(&authority, &params("127.0.0.1", 2040)));
    let report = probe_with(json!({}), &url.replace("https", "http")).await;
    assert_eq!(failure(&report).0, "status");
    assert!(failure(&report).1.contains("https://"), "{report:#?}");
}
