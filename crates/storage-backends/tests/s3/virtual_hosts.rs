//! Endpoints that no host name of a bucket leads to, although `addressing` is `virtual`.

use rstest::rstest;
use serde_json::json;
use storage_backends::{Registry, Settings};
use storage_domain::{BackendConfig, BackendKind};

use crate::s3::{backend, config, failure, probe, with};

/// Nobody is asked for the address of such a name.
#[rstest]
#[case::ipv4("http://127.0.0.1:9", "such as 127.0.0.1,")]
#[case::ipv6("[::1]:9", "such as [::1],")]
#[case::number("http://2130706433:9/s3", "such as 127.0.0.1,")]
#[tokio::test]
async fn addresses_end_no_host_name(#[case] endpoint: &str, #[case] says: &str) {
    let config = with(
        config(endpoint, "images", "AK"),
        &json!({ "addressing": "virtual" }),
    );
    let report = probe(&backend(config.clone())).await;
    let (name, sentence) = failure(&report);
    assert_eq!(name, "resolve");
    assert!(sentence.contains(says), "{sentence}");
    assert!(
        sentence.ends_with("set endpoint to the server's host name, or addressing to path"),
        "{sentence}"
    );
    let registry = Registry::new(Settings::new(None)).unwrap();
    let config = BackendConfig::parse(BackendKind::S3, config.as_object().unwrap()).unwrap();
    assert_eq!(registry.warnings(&config), [sentence]);
}
