//! The config of an NFS backend.

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::{BackendKind, ExportPath, Host};

use crate::support::{object, parse, pointers, with};

pub(crate) fn base() -> Value {
    json!({"server": "nas.lab", "export_path": "/srv/images"})
}

#[test]
fn defaults_are_filled_in() {
    let config = parse(BackendKind::Nfs, &base()).unwrap();
    let expected = json!({
        "server": "nas.lab", "export_path": "/srv/images", "mount_options": "vers=4.1", "auth_method": "none",
    });
    assert_eq!(config.shown(), object(&expected));
}

#[rstest]
#[case("nas")]
#[case("NAS.Lab.")]
#[case("10.0.0.5")]
#[case("fd00::5")]
#[case("[fd00::5]")]
#[case("fe80::1%eth0")]
#[case("[fe80::1%eth0.7]")]
#[case("::ffff:10.0.0.5")]
#[case("3com.example")]
#[case("xn--bcher-kva.example")]
#[case("my_nas")]
#[case("_nas_.lab")]
fn servers_that_are_accepted(#[case] server: &str) {
    let config = parse(BackendKind::Nfs, &with(&base(), "server", server.into())).unwrap();
    assert_eq!(config.shown()["server"], server);
}

#[rstest]
#[case::absent(Value::Null)]
#[case::empty("".into())]
#[case::blank(" ".into())]
#[case::option("-o".into())]
#[case::port("nas:2049".into())]
#[case::path("nas/srv".into())]
#[case::nfs_path("nas:/srv".into())]
#[case::url("nfs://nas".into())]
#[case::hyphen("nas-.lab".into())]
#[case::empty_label("nas..lab".into())]
#[case::dot(".".into())]
#[case::number("127.1".into())]
#[case::hex("0x7f000001".into())]
#[case::decimal("2130706433".into())]
#[case::bad_v4("10.0.0.256".into())]
#[case::octal("010.0.0.1".into())]
#[case::half_bracket("[fd00::5".into())]
#[case::v4_in_brackets("[10.0.0.5]".into())]
#[case::empty_zone("fe80::1%".into())]
#[case::bad_zone("fe80::1%eth0,addr=1.2.3.4".into())]
#[case::unicode("bücher.example".into())]
#[case::newline("nas\n".into())]
#[case::comma("nas,rw".into())]
#[case::not_text(json!(7))]
#[case::long_label("x".repeat(64).into())]
#[case::long(["x".repeat(50).as_str(); 6].join(".").into())]
fn servers_that_are_refused(#[case] server: Value) {
    assert_eq!(
        pointers(parse(BackendKind::Nfs, &with(&base(), "server", server))),
        ["/config/server"]
    );
}

#[test]
fn hosts_are_equal_however_they_are_typed() {
    let same = |a: &str, b: &str| a.parse::<Host>().unwrap() == b.parse::<Host>().unwrap();
    assert!(same("NAS.lab.", "nas.lab"));
    assert!(same("[FD00:0::5]", "fd00::5"));
    assert!(!same("fe80::1%eth0", "fe80::1%eth1"));
    assert!(!same("fe80::1%eth0", "fe80::1"));
}

#[rstest]
#[case("/")]
#[case("/srv/images/")]
#[case("/srv//with space/ü")]
#[case("/..hidden/...")]
fn exports_that_are_accepted(#[case] path: &str) {
    let config = parse(BackendKind::Nfs, &with(&base(), "export_path", path.into())).unwrap();
    assert_eq!(config.shown()["export_path"], path);
}

#[rstest]
#[case(Value::Null)]
#[case("".into())]
#[case("srv".into())]
#[case(" /srv".into())]
#[case("/srv/..".into())]
#[case("/../srv".into())]
#[case("/srv/../etc".into())]
#[case("/srv\0".into())]
#[case(json!(["/srv"]))]
fn exports_that_are_refused(#[case] path: Value) {
    assert_eq!(
        pointers(parse(BackendKind::Nfs, &with(&base(), "export_path", path))),
        ["/config/export_path"]
    );
}

#[test]
fn an_export_is_bounded_in_bytes() {
    let path = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
    assert!(path(ExportPath::MAX_BYTES).parse::<ExportPath>().is_ok());
    assert!(path(ExportPath::MAX_BYTES + 1).parse::<ExportPath>().is_err());
}

#[rstest]
#[case("/srv/images", "/srv", true)]
#[case("/srv//images/./", "/srv/images", true)]
#[case("/srv/images2", "/srv/images", false)]
#[case("/srv", "/srv/images", false)]
#[case("/anything", "/", true)]
fn an_export_lies_within_whole_segments(#[case] path: &str, #[case] other: &str, #[case] within: bool) {
    let parse = |p: &str| p.parse::<ExportPath>().unwrap();
    assert_eq!(parse(path).is_within(&parse(other)), within);
}

#[test]
fn every_mistake_is_reported_at_once() {
    let config = json!({
        "server": "-x", "export_path": "srv", "mount_options": "suid", "auth_method": 1, "sever": "nas", "a/b~c": 1,
    });
    let mut found = pointers(parse(BackendKind::Nfs, &config));
    found.sort();
    let expected = [
        "/config/auth_method",
        "/config/a~1b~0c",
        "/config/export_path",
        "/config/mount_options",
        "/config/server",
        "/config/sever",
    ];
    assert_eq!(found, expected);
}
