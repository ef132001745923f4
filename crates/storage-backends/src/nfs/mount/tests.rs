use std::net::SocketAddr;

use rstest::rstest;
use serde_json::json;
use storage_domain::{BackendConfig, BackendId, BackendKind};

use super::*;
use crate::mount::table;
use crate::net::Egress;

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
    let addr = SocketAddr::new(text.parse().unwrap(), 0);
    Egress::default()
        .permit(None, vec![addr], None)
        .unwrap()
        .remove(0)
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
#[case(
    "vers=4.1,timeo=050,retrans=01,port=02049",
    "vers=4.1,timeo=50,retrans=1,port=2049,softerr,nosharecache,ro,addr=10.0.0.5"
)]
#[case(
    "vers=4.1,timeo=2147483647",
    "vers=4.1,timeo=6000,softerr,retrans=2,nosharecache,ro,addr=10.0.0.5"
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
    assert_eq!(of("rw,strictatime,nostrictatime"), MsFlags::empty());
}

fn entry(place: &str) -> MountEntry {
    let mut entries = table::parse(TABLE);
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

/// What the kernel shows of a mount of version 4.1 and of one of version 3 that were made with the default options, but
/// for what a case changes.
fn shown(version: &str, replaced: &str, by: &str) -> MountEntry {
    let options = match version {
        "3" => {
            "ro,vers=3,rsize=131072,wsize=131072,namlen=255,soft,nosharecache,nolock,proto=tcp,timeo=50,retrans=2,\
             sec=sys,mountaddr=10.9.0.1,mountvers=3,mountport=20048,mountproto=tcp,local_lock=all,addr=10.9.0.1"
        }
        _ => {
            "ro,vers=4.1,rsize=131072,wsize=131072,namlen=255,softerr,nosharecache,proto=tcp,timeo=50,retrans=2,\
             sec=sys,clientaddr=10.9.0.2,local_lock=none,addr=10.9.0.1"
        }
    };
    assert!(options.contains(replaced), "{options}");
    let options = options.replacen(replaced, by, 1);
    let line =
        format!("101 27 0:52 / /m ro,nosuid,nodev,noexec,relatime - nfs4 10.9.0.1:/srv/exp {options}\n");
    table::parse(line.as_bytes()).pop().unwrap()
}

#[rstest]
#[case::default_port("port=2049", "4.1", "", "", true)]
#[case::another_port("port=2050", "4.1", "", "", false)]
#[case::another_port_in_force("port=2049", "4.1", "timeo", "port=2050,timeo", false)]
#[case::another_port_as_wanted("port=02050", "4.1", "timeo", "port=2050,timeo", true)]
#[case::port_of_version_3("port=2049", "3", "timeo", "port=2049,timeo", true)]
#[case::port_that_version_3_asked_for("port=2049", "3", "", "", false)]
#[case::lookups_by_default("lookupcache=all", "4.1", "", "", true)]
#[case::lookups_otherwise("lookupcache=all", "4.1", ",addr", ",lookupcache=pos,addr", false)]
#[case::lookups_in_long("lookupcache=positive", "4.1", ",addr", ",lookupcache=pos,addr", true)]
#[case::lookups_in_short("lookupcache=pos", "3", ",addr", ",lookupcache=pos,addr", true)]
#[case::no_lookups("lookupcache=none", "4.1", ",addr", ",lookupcache=none,addr", true)]
#[case::lookups_that_are_not_in_force("lookupcache=none", "4.1", "", "", false)]
#[case::octal_looks("timeo=050", "4.1", "", "", true)]
#[case::read_as_octal("timeo=050", "4.1", "timeo=50", "timeo=40", false)]
#[case::longest_wait("timeo=2147483647", "4.1", "timeo=50", "timeo=6000", true)]
#[case::longest_wait_not_in_force("timeo=6001", "4.1", "", "", false)]
#[case::retries("retrans=02", "4.1", "", "", true)]
#[case::other_retries("retrans=3", "4.1", "", "", false)]
#[case::the_last_wins(
    "nocto,cto,noac,ac,nordirplus,rdirplus,noresvport,resvport",
    "3",
    "",
    "",
    true
)]
#[case::the_last_is_shown("cto,nocto", "4.1", "nosharecache", "nocto,nosharecache", true)]
#[case::the_last_is_not_shown("cto,nocto", "4.1", "", "", false)]
#[case::a_switch_nobody_wants("timeo=50", "4.1", "nosharecache", "noac,nosharecache", false)]
#[case::connections_of_the_first("nconnect=4", "4.1", "proto=tcp", "proto=tcp,nconnect=2", true)]
#[case::connections_not_shown("nconnect=4", "4.1", "", "", true)]
#[case::the_last_of_two("timeo=70,timeo=50", "4.1", "", "", true)]
fn options_are_compared_as_the_kernel_shows_them(
    #[case] options: &str,
    #[case] version: &str,
    #[case] replaced: &str,
    #[case] by: &str,
    #[case] is_it: bool,
) {
    let wanted = wanted(
        "10.9.0.1",
        "/srv/exp",
        Some(&format!("vers={version},{options}")),
        "none",
    );
    let entry = shown(version, replaced, by);
    assert_eq!(wanted.matches(&entry, &[]), is_it, "{}", entry.options);
}
