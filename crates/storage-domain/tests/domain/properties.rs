//! What holds for every input.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use storage_domain::http::Username;
use storage_domain::iscsi::{ChapName, Iqn};
use storage_domain::s3::{BucketName, Endpoint, Identifier};
use storage_domain::{BackendConfig, BackendKind, BackendName, BaseUrl, ExportPath, Host, MountOptions};

/// Text that is often nearly right, and text that is not.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "http://",
        "https://",
        "h",
        "nas.lab",
        ":",
        "/",
        "..",
        ".",
        "10.0.0.5",
        "[fd00::5]",
        "fe80::1",
        "%eth0",
        "@",
        "?",
        "#",
        "\\",
        "%2e",
        "%",
        ",",
        "=",
        "vers=4.1",
        "addr=",
        "sec=krb5",
        "ro",
        "timeo",
        "9",
        "iqn.2026-11.",
        "eui.",
        "naa.",
        "-",
        "_",
        " ",
        "\t",
        "\0",
        "ü",
        "İ",
        "ß",
        "\u{202e}",
        "xn--",
        "0x",
        "s3alias",
        ":0",
        "//",
    ]);
    let assembled = prop::collection::vec(pieces, 0..8).prop_map(|p| p.concat());
    prop_oneof![assembled, any::<String>(), "[ -~]{0,300}"]
}

fn reads_back<T: FromStr<Err: Debug + PartialEq> + Display + Debug + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().as_ref(), Ok(&value), "{text:?}");
    }
}

/// Configs that are often valid.
fn members() -> impl Strategy<Value = Map<String, Value>> {
    let field = prop::sample::select(vec![
        "server",
        "export_path",
        "mount_options",
        "auth_method",
        "base_url",
        "username",
        "password",
        "ca_pem",
        "tls_verify",
        "endpoint",
        "bucket",
        "region",
        "access_key_id",
        "secret_access_key",
        "session_token",
        "cdn_enabled",
        "cdn_url",
        "target",
        "port",
        "iqn",
        "chap_enabled",
        "chap_username",
        "chap_password",
        "mutual_chap_username",
        "mutual_chap_password",
        "discovery_chap_username",
        "discovery_chap_password",
    ]);
    let value = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!("none")),
    ];
    prop::collection::vec((field, value), 0..6)
        .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

/// A valid config of each kind, with secrets that can be told.
fn valid(secret: &str, host: &str) -> Vec<BackendConfig> {
    let given = [
        (
            BackendKind::Nfs,
            json!({"server": host, "export_path": "/srv", "mount_options": "ro,_netdev"}),
        ),
        (
            BackendKind::Http,
            json!({"base_url": format!("http://{host}/x/"), "username": "u", "password": secret}),
        ),
        (
            BackendKind::S3,
            json!({"endpoint": host, "bucket": "images", "access_key_id": "AK", "secret_access_key": secret}),
        ),
        (
            BackendKind::Iscsi,
            json!({
                "target": host, "chap_enabled": true, "chap_username": "u", "chap_password": secret,
                "mutual_chap_password": secret, "discovery_chap_password": secret,
            }),
        ),
    ];
    let parse =
        |(kind, members): &(BackendKind, Value)| BackendConfig::parse(*kind, members.as_object()?).ok();
    given
        .iter()
        .map(|g| parse(g).expect("the config is valid"))
        .collect()
}

proptest! {
    #[test]
    fn what_is_accepted_reads_back(text in text()) {
        reads_back::<Host>(&text);
        reads_back::<BaseUrl>(&text);
        reads_back::<MountOptions>(&text);
        reads_back::<ExportPath>(&text);
        reads_back::<Iqn>(&text);
        reads_back::<Endpoint>(&text);
        reads_back::<BucketName>(&text);
        reads_back::<Identifier>(&text);
        reads_back::<Username>(&text);
        reads_back::<ChapName>(&text);
        reads_back::<BackendName>(&text);
    }

    #[test]
    fn any_object_is_read_or_refused(members in members()) {
        for kind in BackendKind::ALL {
            match BackendConfig::parse(*kind, &members) {
                Ok(config) => {
                    let again = BackendConfig::parse(*kind, &config.stored());
                    prop_assert_eq!(again.as_ref(), Ok(&config));
                    let same = config.merge(&config.shown());
                    prop_assert_eq!(same.as_ref(), Ok(&config));
                }
                Err(error) => {
                    prop_assert!(!error.problems().is_empty());
                    prop_assert!(error.problems().iter().all(|p| p.pointer().starts_with("/config")));
                }
            }
        }
    }

    #[test]
    fn any_change_is_merged_or_refused(members in members()) {
        for config in valid("hunter2", "nas.lab") {
            if let Ok(merged) = config.merge(&members) {
                prop_assert_eq!(merged.kind(), config.kind());
                let again = BackendConfig::parse(merged.kind(), &merged.stored());
                prop_assert_eq!(again.as_ref(), Ok(&merged));
            }
        }
    }

    #[test]
    fn secrets_stay_inside(secret in "S3CRET[!-~]{8,40}", host in "[a-z]{1,20}") {
        for config in valid(&secret, &host) {
            let shown = Value::Object(config.shown()).to_string();
            let debug = format!("{config:?} {config:#?}");
            prop_assert!(!shown.contains("S3CRET") && !debug.contains("S3CRET"));
            for field in BackendConfig::secret_fields() {
                prop_assert!(!config.shown().contains_key(field));
            }
            let merged = config.merge(&config.shown()).expect("what was shown is taken back");
            prop_assert_eq!(merged.stored(), config.stored());
            // A mistake elsewhere does not tell it either.
            let mut wrong = config.stored();
            wrong.insert("typo".to_owned(), Value::from("x"));
            let told = BackendConfig::parse(config.kind(), &wrong).expect_err("the typo is refused");
            let told = format!("{told} {told:?}");
            prop_assert!(!told.contains("S3CRET"));
        }
    }
}
