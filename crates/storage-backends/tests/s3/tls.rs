//! Services behind TLS with an authority of their own.

use rstest::rstest;
use serde_json::{Value, json};

use crate::s3::fake::{Fake, object, page};
use crate::s3::site::site;
use crate::s3::{backend, check, config, failure, probe, scan, with};

#[rstest]
#[case::unknown(|_: &str| json!({}), None)]
#[case::trusted(|pem: &str| json!({ "ca_pem": pem }), Some("The server speaks TLS 1.3"))]
#[case::unverified(|_: &str| json!({ "tls_verify": false }), Some("WHO IT IS WAS NOT VERIFIED"))]
#[tokio::test]
async fn private_authorities(#[case] more: fn(&str) -> Value, #[case] says: Option<&str>) {
    let (tls, pem) = site(&["127.0.0.1"]);
    let fake = Fake::start(|_| page(&object("a.iso", "7"))).await;
    let url = fake.behind_tls(tls).await;
    let more = with(more(&pem), &json!({ "region": "us-east-1" }));
    let backend = backend(with(config(&url, "images", "AK"), &more));
    let report = probe(&backend).await;
    if let Some(says) = says {
        assert!(report.passed(), "{report:#?}");
        assert!(check(&report, "tls").detail.contains(says), "{report:#?}");
        assert_eq!(scan(&backend).await.files, 1);
    } else {
        let (name, detail) = failure(&report);
        assert_eq!(name, "tls");
        assert!(
            detail.contains("put the authority's certificate into ca_pem"),
            "{detail}"
        );
        assert!(fake.asked().is_empty());
    }
}

#[tokio::test]
async fn a_plain_server_where_tls_is_expected() {
    let fake = Fake::start(|_| page("")).await;
    let url = fake.url().replace("http://", "https://");
    let report = probe(&backend(config(&url, "images", "AK"))).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "tls");
    assert!(detail.contains("use http:// in endpoint"), "{detail}");
}
