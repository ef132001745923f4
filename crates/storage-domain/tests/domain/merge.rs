//! How a `PATCH` changes a config.

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::{BackendConfig, BackendKind};

use crate::support::{object, parse, pointers};

fn http() -> BackendConfig {
    let config = json!({"base_url": "https://mirror.lab/iso", "auth_method": "basic", "username": "u", "password": "hunter2"});
    parse(BackendKind::Http, &config).unwrap()
}

fn s3() -> BackendConfig {
    let config = json!({"endpoint": "s3.lab", "bucket": "images", "access_key_id": "AK", "secret_access_key": "hunter2", "session_token": "hunter3"});
    parse(BackendKind::S3, &config).unwrap()
}

fn iscsi() -> BackendConfig {
    let config = json!({
        "target": "10.0.0.5", "chap_enabled": true, "chap_username": "u", "chap_password": "hunter2",
        "mutual_chap_password": "hunter3", "discovery_chap_password": "hunter4",
    });
    parse(BackendKind::Iscsi, &config).unwrap()
}

#[rstest]
#[case::nothing(json!({}))]
#[case::an_empty_secret(json!({"password": ""}))]
#[case::as_shown(Value::Object(http().shown()))]
#[case::as_shown_with_an_empty_secret(json!({"base_url": "https://mirror.lab/iso/", "username": "u", "ca_pem": "", "password": ""}))]
fn what_says_nothing_changes_nothing(#[case] change: Value) {
    let merged = http().merge(&object(&change)).unwrap();
    assert_eq!(merged.stored(), http().stored());
}

#[test]
fn a_secret_is_replaced_or_cleared() {
    let replaced = http().merge(&object(&json!({"password": "new"}))).unwrap();
    assert_eq!(replaced.stored()["password"], "new");
    let cleared = http().merge(&object(&json!({"password": null}))).unwrap();
    assert!(!cleared.stored().contains_key("password"));
}

#[test]
fn null_clears_and_restores_defaults() {
    let merged = http().merge(&object(
        &json!({"username": null, "auth_method": null, "tls_verify": null}),
    ));
    let shown = merged.unwrap().shown();
    assert_eq!(
        (&shown["username"], &shown["auth_method"], &shown["tls_verify"]),
        (&Value::Null, &"none".into(), &true.into())
    );
    assert_eq!(
        pointers(http().merge(&object(&json!({"base_url": null})))),
        ["/config/base_url"]
    );
}

#[rstest]
#[case::path(http(), json!({"base_url": "https://mirror.lab/other"}), &[])]
#[case::case(http(), json!({"base_url": "https://MIRROR.lab:443/iso"}), &[])]
#[case::host(http(), json!({"base_url": "https://evil.lab/iso"}), &["/config/password"])]
#[case::scheme(http(), json!({"base_url": "http://mirror.lab/iso"}), &["/config/password"])]
#[case::port(http(), json!({"base_url": "https://mirror.lab:8443/iso"}), &["/config/password"])]
#[case::empty(http(), json!({"base_url": "https://evil.lab", "password": ""}), &["/config/password"])]
#[case::sent_again(http(), json!({"base_url": "https://evil.lab", "password": "hunter2"}), &[])]
#[case::cleared(http(), json!({"base_url": "https://evil.lab", "password": null}), &[])]
#[case::endpoint(s3(), json!({"endpoint": "evil.lab"}), &["/config/secret_access_key", "/config/session_token"])]
#[case::spelled(s3(), json!({"endpoint": "https://S3.lab/"}), &[])]
#[case::bucket(s3(), json!({"bucket": "other"}), &[])]
#[case::target(iscsi(), json!({"target": "evil.lab"}),
    &["/config/chap_password", "/config/mutual_chap_password", "/config/discovery_chap_password"])]
#[case::two_sent(iscsi(), json!({"target": "evil.lab", "chap_password": "a", "mutual_chap_password": "b"}),
    &["/config/discovery_chap_password"])]
fn a_kept_secret_never_travels(#[case] config: BackendConfig, #[case] change: Value, #[case] wrong: &[&str]) {
    match config.merge(&object(&change)) {
        Ok(_) => assert!(wrong.is_empty(), "it was accepted"),
        Err(error) => assert_eq!(pointers::<()>(Err(error)), wrong),
    }
}

#[test]
fn a_config_without_secrets_moves_freely() {
    let plain = parse(BackendKind::Http, &json!({"base_url": "http://a"})).unwrap();
    plain.merge(&object(&json!({"base_url": "http://b"}))).unwrap();
}

#[test]
fn the_whole_is_validated_and_typos_are_named() {
    let change = json!({"passwd": null, "username": "a:b"});
    let mut wrong = pointers(http().merge(&object(&change)));
    wrong.sort();
    assert_eq!(wrong, ["/config/passwd", "/config/username"]);
    assert_eq!(
        pointers(s3().merge(&object(&json!({"cdn_enabled": true})))),
        ["/config/cdn_url"]
    );
}

/// A config without mount options keeps none: the default is for configs that never said.
#[test]
fn no_mount_options_stay_none() {
    let config = json!({"server": "nas", "export_path": "/srv", "mount_options": null});
    let config = parse(BackendKind::Nfs, &config).unwrap();
    let merged = config.merge(&object(&json!({"server": "other"}))).unwrap();
    assert_eq!(merged.shown()["mount_options"], Value::Null);
}

#[test]
fn no_secret_is_ever_shown() {
    for config in [http(), s3(), iscsi()] {
        let shown = config.shown();
        assert!(
            BackendConfig::secret_fields().all(|field| !shown.contains_key(field)),
            "{shown:?}"
        );
        assert!(!format!("{config:?} {shown:?}").contains("hunter"), "{config:?}");
    }
}

#[rstest]
#[case::absent(json!({"base_url": "https://mirror.lab/other", "auth_method": "basic", "username": "u"}), Ok("hunter2"))]
#[case::empty(json!({"base_url": "https://mirror.lab", "password": ""}), Ok("hunter2"))]
#[case::replaced(json!({"base_url": "https://evil.lab", "password": "new"}), Ok("new"))]
#[case::another_host(json!({"base_url": "https://evil.lab"}), Err("/config/password"))]
#[case::not_complete(json!({"auth_method": "basic"}), Err("/config/base_url"))]
fn a_config_borrows_secrets_only(#[case] members: Value, #[case] expected: Result<&str, &str>) {
    match (http().lend_secrets(&object(&members)), expected) {
        (Ok(config), Ok(password)) => {
            assert_eq!(config.stored()["password"], password);
            assert_eq!(
                config.shown()["username"],
                members.get("username").cloned().unwrap_or_default()
            );
        }
        (Err(error), Err(pointer)) => assert_eq!(pointers::<()>(Err(error)), [pointer]),
        (other, _) => panic!("{other:?}"),
    }
}
