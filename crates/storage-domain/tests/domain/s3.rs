//! The config of an S3 backend.

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::{BackendConfig, BackendKind};

use crate::support::{object, parse, pointers, with};

fn base() -> Value {
    json!({"endpoint": "s3.lab", "bucket": "images", "access_key_id": "AK1"})
}

#[test]
fn defaults_are_filled_in() {
    let config = parse(BackendKind::S3, &base()).unwrap();
    let expected = json!({
        "endpoint": "s3.lab", "bucket": "images", "region": null, "access_key_id": "AK1", "cdn_enabled": false,
        "cdn_url": null, "addressing": "auto", "prefix": null, "ca_pem": null, "tls_verify": true,
    });
    assert_eq!(config.shown(), object(&expected));
}

#[rstest]
#[case("s3.lab", "https://s3.lab")]
#[case("s3.lab:9000", "https://s3.lab:9000")]
#[case("10.0.0.5:9000", "https://10.0.0.5:9000")]
#[case("http://s3.lab:9000/", "http://s3.lab:9000")]
fn a_bare_host_means_https(#[case] endpoint: &str, #[case] url: &str) {
    match parse(BackendKind::S3, &with(&base(), "endpoint", endpoint.into())).unwrap() {
        BackendConfig::S3(s3) => assert_eq!(s3.endpoint.url().to_string(), url),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case("endpoint", Value::Null)]
#[case("endpoint", "".into())]
#[case("endpoint", "ftp://s3.lab".into())]
#[case("endpoint", "u:p@s3.lab".into())]
#[case("endpoint", "s3.lab?x".into())]
#[case("endpoint", "/".into())]
#[case("bucket", Value::Null)]
#[case("bucket", "ab".into())]
#[case("bucket", "a".repeat(256).into())]
#[case("bucket", "im ages".into())]
#[case("bucket", "im/ages".into())]
#[case("bucket", "größe".into())]
#[case("region", "eu west".into())]
#[case("region", json!(1))]
#[case("access_key_id", Value::Null)]
#[case("access_key_id", "A".repeat(129).into())]
#[case("access_key_id", "A K".into())]
#[case("secret_access_key", "hunter2\r".into())]
#[case("session_token", "hunter2\r".into())]
#[case("cdn_enabled", "yes".into())]
#[case("cdn_url", "cdn.lab".into())]
#[case("addressing", "host".into())]
#[case("prefix", "a\nb".into())]
#[case("prefix", "a".repeat(1025).into())]
#[case("ca_pem", "no certificate".into())]
#[case("tls_verify", "yes".into())]
#[case("access_key", "AK".into())]
fn fields_that_are_refused(#[case] field: &str, #[case] value: Value) {
    let result = parse(BackendKind::S3, &with(&base(), field, value));
    assert_eq!(pointers(result), [format!("/config/{field}")]);
}

#[rstest]
#[case(json!({"cdn_enabled": true}), &["/config/cdn_url"])]
#[case(json!({"cdn_enabled": true, "cdn_url": ""}), &["/config/cdn_url"])]
#[case(json!({"cdn_enabled": true, "cdn_url": null}), &["/config/cdn_url"])]
#[case(json!({"cdn_enabled": true, "cdn_url": "cdn.lab"}), &["/config/cdn_url"])]
#[case(json!({"cdn_enabled": true, "cdn_url": "https://cdn.lab"}), &[])]
#[case(json!({"cdn_enabled": false, "cdn_url": ""}), &[])]
#[case(json!({"cdn_enabled": null, "region": ""}), &[])]
fn a_network_needs_its_url(#[case] more: Value, #[case] wrong: &[&str]) {
    let mut config = object(&base());
    config.extend(object(&more));
    match BackendConfig::parse(BackendKind::S3, &config) {
        Ok(_) => assert!(wrong.is_empty()),
        Err(error) => assert_eq!(pointers::<()>(Err(error)), wrong),
    }
}

#[rstest]
#[case("abc")]
#[case("a.b-c.0")]
#[case("123")]
#[case("Install_Images")]
#[case("-images.")]
#[case("10.0.0.5")]
#[case("my-point-8zwy3k5-s3alias")]
#[case("images--use1-az4--x-s3")]
#[case(&"a".repeat(255))]
fn buckets_that_are_accepted(#[case] bucket: &str) {
    parse(BackendKind::S3, &with(&base(), "bucket", bucket.into())).unwrap();
}
