use std::net::IpAddr;

use rstest::rstest;
use serde_json::json;
use storage_domain::{BackendConfig, BackendId, BackendKind};

use super::*;
use crate::nfs::mountinfo;

const TABLE: &[u8] = include_bytes!("../../../tests/fixtures/mountinfo/nfs.txt");

fn wanted(server: &str, path: &str, options: Option<&str>, auth: &str) -> Wanted {
    let config =
        json!({"server": server, "export_path": path, "mount_options": options, "auth_method": auth});
    match BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap() {
        BackendConfig::Nfs(nfs) => Wanted::new(&nfs),
        _ => unreachable!(),
    }
}

fn addr(text: &str) -> ScopedAddr {
    text.parse::<IpAddr>().unwrap().into()
}

fn call(wanted: &Wanted, from: &str) -> MountCall {
    let at = MountPoint::new("/run/mounts".as_ref(), BackendId::generate());
    wanted.call(&at, &addr(from))
}

#[rstest]
#[case(
    "vers=4.1",
    "vers=4.1,softerr,timeo=50,retrans=2,nosharecache,ro,addr=10.0.0.5"
)]
#[case(
    "vers=3",
    "vers=3,soft,timeo=50,retrans=2,nosharecache,nolock,ro,addr=10.0.0.5"
)]
#[case(
    "vers=3,lock,rw",
    "vers=3,lock,soft,timeo=50,retrans=2,nosharecache,addr=10.0.0.5"
)]
#[case("vers=4.2,hard,sharecache,ro", "vers=4.2,hard,sharecache,ro,addr=10.0.0.5")]
#[case(
    "v4.1,timeo=10,soft",
    "vers=4.1,timeo=10,soft,retrans=2,nosharecache,ro,addr=10.0.0.5"
)]
#[case(
    "vers=4.1,proto=tcp6",
    "vers=4.1,proto=tcp,softerr,timeo=50,retrans=2,nosharecache,ro,addr=10.0.0.5"
)]
fn options_are_completed_and_end_in_the_address(#[case] options: &str, #[case] data: &str) {
    let call = call(
        &wanted("nas.lab", "/srv/images", Some(options), "none"),
        "10.0.0.5",
    );
    assert_eq!(call.attempts.len(), 1);
    assert_eq!(call.attempts[0].data, data);
    assert_eq!(call.source, "nas.lab:/srv/images");
}

#[test]
fn every_version_is_tried_where_none_is_named() {
    let call = call(&wanted("nas.lab", "/srv/images", None, "none"), "10.0.0.5");
    let versions: Vec<_> = call.attempts.iter().map(|a| a.version.as_str()).collect();
    assert_eq!(versions, ["4.2", "4.1", "4.0", "3"]);
    assert!(call.attempts[3].data.contains("nolock"));
    assert!(!call.attempts[0].data.contains("nolock"));
}

#[test]
fn an_ipv6_server_is_bracketed_in_the_source_only() {
    let call = call(
        &wanted("fd00::5", "/srv/images", Some("vers=4.1,proto=tcp"), "kerberos"),
        "fd00::5",
    );
    assert_eq!(call.source, "[fd00::5]:/srv/images");
    let data = &call.attempts[0].data;
    assert!(data.contains("proto=tcp6") && data.contains("sec=krb5"), "{data}");
    assert!(data.ends_with(",addr=fd00::5"), "{data}");
}

#[test]
fn generic_options_become_flags() {
    let of = |options| {
        MsFlags::from_bits_truncate(call(&wanted("n.lab", "/x", Some(options), "none"), "10.0.0.5").flags)
    };
    assert_eq!(of("vers=3"), MsFlags::MS_RDONLY);
    assert_eq!(
        of("rw,noatime,sync"),
        MsFlags::MS_NOATIME | MsFlags::MS_SYNCHRONOUS
    );
    assert_eq!(of("rw,noatime,atime"), MsFlags::empty());
}

fn entry(place: &str) -> MountEntry {
    let mut entries = mountinfo::parse(TABLE);
    entries.retain(|e| e.at == std::path::Path::new(place));
    entries.pop().unwrap()
}

#[rstest]
#[case("10.9.0.1", "/srv/exp", Some("vers=3"), "/run/mounts/v3", true)]
#[case("10.9.0.1", "//srv/exp/", Some("vers=3"), "/run/mounts/v3", true)]
#[case("10.9.0.1", "/srv/exp", None, "/run/mounts/v3", true)]
#[case("10.9.0.1", "/srv/exp", Some("vers=4.1"), "/run/mounts/v3", false)]
#[case("10.9.0.1", "/srv/ex", Some("vers=3"), "/run/mounts/v3", false)]
#[case("10.9.0.1", "/srv/exp/images", Some("vers=3"), "/run/mounts/v3", false)]
#[case("10.9.0.1", "/srv/exp", Some("vers=3,rw"), "/run/mounts/v3", false)]
#[case("10.9.0.1", "/srv/exp", Some("vers=3,hard"), "/run/mounts/v3", false)]
#[case("10.9.0.1", "/srv/exp", Some("vers=3,timeo=100"), "/run/mounts/v3", false)]
#[case("10.9.0.9", "/srv/exp", Some("vers=3"), "/run/mounts/v3", false)]
#[case("10.9.0.1", "/srv/exp", Some("vers=4.2,rw"), "/run/mounts/v42", true)]
#[case("10.9.0.1", "/srv/exp", Some("vers=4.2"), "/run/mounts/v42", false)]
#[case("fd00::1", "/srv/exp", Some("vers=4.1"), "/run/mounts/v6", true)]
#[case(
    "NAS.lab.",
    "/srv/with space\\and\ttab",
    Some("vers=4.1"),
    "/run/mounts/with space",
    true
)]
#[case("10.9.0.1", "/srv/exp", Some("vers=3"), "/", false)]
fn a_mount_is_recognised(
    #[case] server: &str,
    #[case] path: &str,
    #[case] options: Option<&str>,
    #[case] place: &str,
    #[case] is_it: bool,
) {
    assert_eq!(
        wanted(server, path, options, "none").matches(&entry(place), &[]),
        is_it
    );
}

#[test]
fn a_server_is_recognised_by_its_address_too() {
    let wanted = wanted("nas.lab", "/srv/exp", Some("vers=3"), "none");
    assert!(wanted.matches(&entry("/run/mounts/v3"), &[addr("10.9.0.1")]));
    assert!(!wanted.matches(&entry("/run/mounts/v3"), &[addr("10.9.0.2")]));
}

#[test]
fn kerberos_is_part_of_how_it_is_mounted() {
    let wanted = wanted("10.9.0.1", "/srv/exp", Some("vers=3"), "kerberos");
    assert!(!wanted.matches(&entry("/run/mounts/v3"), &[]));
}
