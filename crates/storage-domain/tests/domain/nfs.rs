//! The config of an NFS backend.

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::nfs::NfsVersion::{self, V3, V4_0, V4_1, V4_2};
use storage_domain::{BackendKind, ExportPath, Host, MountOptions};

use crate::support::{object, parse, pointers, with};

fn base() -> Value {
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

#[rstest]
#[case(Value::Null, Value::Null)]
#[case("".into(), Value::Null)]
#[case(" , ,".into(), Value::Null)]
#[case("defaults,_netdev,nofail,noauto,x-systemd.automount,retry=5,bg".into(), Value::Null)]
#[case("vers=4.2".into(), "vers=4.2".into())]
#[case(" vers=3 , nolock,rw".into(), "vers=3,nolock,rw".into())]
#[case("ro,_netdev,soft,timeo=600,retrans=2".into(), "ro,soft,timeo=600,retrans=2".into())]
#[case("nosuid,nodev,noexec,noatime".into(), "nosuid,nodev,noexec,noatime".into())]
#[case("rsize=1048576,wsize=1048576,nconnect=16".into(), "rsize=1048576,wsize=1048576,nconnect=16".into())]
#[case("sec=sys,proto=tcp6,lookupcache=pos,local_lock=none".into(), "sec=sys,proto=tcp6,lookupcache=pos,local_lock=none".into())]
fn what_only_mount_8_knows_is_dropped(#[case] given: Value, #[case] shown: Value) {
    let config = parse(BackendKind::Nfs, &with(&base(), "mount_options", given)).unwrap();
    assert_eq!(config.shown()["mount_options"], shown);
    assert_eq!(config.stored()["mount_options"], shown);
}

#[rstest]
#[case("suid", "suid")]
#[case("ro,dev", "dev")]
#[case("exec", "exec")]
#[case("addr=10.0.0.6", "addr")]
#[case("vers=3,mountaddr=10.0.0.6", "mountaddr")]
#[case("mounthost=other", "mounthost")]
#[case("clientaddr=10.0.0.6", "clientaddr")]
#[case("context=system_u:object_r:tmp_t:s0", "context")]
#[case("remount", "remount")]
#[case("bind", "bind")]
#[case("sloppy", "sloppy")]
#[case("udp", "udp")]
#[case("proto=udp", "udp")]
#[case("mountproto=udp6", "udp")]
#[case("vers=2", "vers")]
#[case("vers", "vers")]
#[case("vers=4.3", "vers")]
#[case("ro=1", "ro")]
#[case("timeo=", "timeo")]
#[case("timeo=+5", "timeo")]
#[case("timeo=99999999999", "timeo")]
#[case("nconnect=17", "nconnect")]
#[case("port=0", "port")]
#[case("sec=none", "sec")]
#[case("uid=0", "uid")]
#[case("VERS=4.1", "VERS")]
#[case("vers=4.1\0addr=1.2.3.4", "vers")]
#[case("credentials=/etc/passwd", "credentials")]
fn options_that_are_refused_by_name(#[case] given: &str, #[case] named: &str) {
    let rule = given.parse::<MountOptions>().unwrap_err().to_string();
    assert!(rule.contains(named), "{rule}");
    let config = parse(BackendKind::Nfs, &with(&base(), "mount_options", given.into()));
    assert_eq!(pointers(config), ["/config/mount_options"]);
}

#[test]
fn a_long_unknown_option_is_not_repeated_whole() {
    let rule = "x".repeat(2000).parse::<MountOptions>().unwrap_err().to_string();
    assert!(rule.len() < 200, "{rule}");
    assert!(
        "ro,".repeat(1000).parse::<MountOptions>().is_err(),
        "longer than a page of options"
    );
}

#[rstest]
#[case("", &[V4_2, V4_1, V4_0, V3])]
#[case("vers=3", &[V3])]
#[case("v3", &[V3])]
#[case("nfsvers=4.0", &[V4_0])]
#[case("vers=4", &[V4_2, V4_1, V4_0])]
#[case("v4.2", &[V4_2])]
#[case("vers=4,minorversion=1", &[V4_1])]
#[case("minorversion=0", &[V4_0])]
#[case("vers=3,vers=4.1", &[V4_1])]
fn versions_to_try(#[case] options: &str, #[case] versions: &[NfsVersion]) {
    assert_eq!(options.parse::<MountOptions>().unwrap().versions(), versions);
}

#[rstest]
#[case("", false)]
#[case("ro", false)]
#[case("rw", true)]
#[case("rw,ro", false)]
#[case("ro,rw", true)]
fn the_last_of_ro_and_rw_counts(#[case] options: &str, #[case] read_write: bool) {
    assert_eq!(options.parse::<MountOptions>().unwrap().read_write(), read_write);
}

#[rstest]
#[case("sec=krb5", "kerberos", &[])]
#[case("sec=krb5p", "kerberos", &[])]
#[case("sec=sys", "none", &[])]
#[case("sec=krb5", "none", &["/config/mount_options"])]
#[case("sec=sys", "kerberos", &["/config/mount_options"])]
#[case("sec=krb5", "", &["/config/mount_options"])]
#[case("sec=krb5", "ntlm", &["/config/auth_method"])]
#[case("ro", "kerberos", &[])]
#[case("ro", "Kerberos", &["/config/auth_method"])]
fn sec_agrees_with_auth_method(#[case] options: &str, #[case] method: &str, #[case] wrong: &[&str]) {
    let config = with(
        &with(&base(), "mount_options", options.into()),
        "auth_method",
        method.into(),
    );
    match parse(BackendKind::Nfs, &config) {
        Ok(_) => assert!(wrong.is_empty()),
        Err(error) => assert_eq!(pointers::<()>(Err(error)), wrong),
    }
}

#[test]
fn every_mistake_is_told_at_once() {
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
