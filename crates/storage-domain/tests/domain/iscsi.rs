//! The config of an iSCSI backend.

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::BackendKind;
use storage_domain::iscsi::InitiatorName;

use crate::support::{object, parse, pointers, with};

fn base() -> Value {
    json!({"target": "10.0.0.5"})
}

#[test]
fn defaults_are_filled_in() {
    let config = parse(BackendKind::Iscsi, &base()).unwrap();
    let expected = json!({
        "target": "10.0.0.5", "port": 3260, "iqn": null, "chap_enabled": false, "chap_username": null,
        "mutual_chap_username": null, "discovery_chap_username": null,
    });
    assert_eq!(config.shown(), object(&expected));
}

#[rstest]
#[case("target", "[fd00::5]".into())]
#[case("target", "my_nas".into())]
#[case("port", json!(1))]
#[case("port", json!(65535))]
#[case("port", Value::Null)]
#[case("iqn", "".into())]
#[case("iqn", Value::Null)]
#[case("iqn", "iqn.2026-11.lab.nas".into())]
#[case("iqn", "iqn.2026-11.lab.nas:disk1:a.b-c".into())]
#[case("iqn", "IQN.2005-10.org.freenas.ctl:vm_disk".into())]
#[case("iqn", "iqn.1986-3.com.hp:storage.msa2012i.0123".into())]
#[case("iqn", "iqn.2001-05.com.vendor_a:x_y".into())]
#[case("iqn", "iqn.2004-04.com.nas:speicher.büro".into())]
#[case("iqn", "eui.02004567A425678D".into())]
#[case("iqn", "naa.52004567BA64678D".into())]
#[case("iqn", "naa.62004567BA64678D0123456789ABCDEF".into())]
#[case("chap_enabled", json!(true))]
#[case("chap_username", "".into())]
#[case("chap_password", "".into())]
fn fields_that_are_accepted(#[case] field: &str, #[case] value: Value) {
    parse(BackendKind::Iscsi, &with(&base(), field, value)).unwrap();
}

#[rstest]
#[case("target", Value::Null)]
#[case("target", "10.0.0.5:3260".into())]
#[case("target", "-x".into())]
#[case("port", json!(0))]
#[case("port", json!(-1))]
#[case("port", json!(65536))]
#[case("port", json!(u64::MAX))]
#[case("port", json!(3260.5))]
#[case("port", "3260".into())]
#[case("iqn", "disk1".into())]
#[case("iqn", "iqn.".into())]
#[case("iqn", "10.0.0.5".into())]
#[case("iqn", "iqn.2026-11.lab:a\u{3002}b".into())]
#[case("iqn", "iqn.2026-11.lab:a b".into())]
#[case("iqn", "iqn.2026-11.lab:a/b".into())]
#[case("iqn", "iqn.2026-11.lab:a,b".into())]
#[case("iqn", "eui.0200;".into())]
#[case("iqn", format!("iqn.2026-11.lab:{}", "x".repeat(223)).into())]
#[case("chap_enabled", json!(1))]
#[case("chap_username", "a\u{1}".into())]
#[case("chap_password", "hunter2\0".into())]
#[case("mutual_chap_password", json!(7))]
#[case("discovery_chap_username", "x".repeat(256).into())]
#[case("chap_secret", "hunter2".into())]
fn fields_that_are_refused(#[case] field: &str, #[case] value: Value) {
    let result = parse(BackendKind::Iscsi, &with(&base(), field, value));
    let told = result.as_ref().unwrap_err().to_string();
    assert!(!told.contains("hunter2"), "{told}");
    assert_eq!(pointers(result), [format!("/config/{field}")]);
}

#[rstest]
#[case("iqn.2026-11.io.pureboot:storage", Some("iqn.2026-11.io.pureboot:storage"))]
#[case("IQN.2026-11.Lab:Rack-1.Boot", Some("iqn.2026-11.lab:rack-1.boot"))]
#[case("eui.02004567A425678D", Some("eui.02004567a425678d"))]
#[case("storage.lab", None)]
#[case("iqn.2026-11.lab:a b", None)]
#[case("", None)]
fn an_initiator_has_a_name_in_lower_case(#[case] text: &str, #[case] name: Option<&str>) {
    let parsed: Result<InitiatorName, _> = text.parse();
    assert_eq!(parsed.as_ref().ok().map(InitiatorName::as_str), name);
    assert_eq!(InitiatorName::DEFAULT.parse(), Ok(InitiatorName::default()));
}
