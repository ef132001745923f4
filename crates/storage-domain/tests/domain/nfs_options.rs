//! The mount options of an NFS backend.

use rstest::rstest;
use serde_json::Value;
use storage_domain::nfs::NfsVersion::{self, V3, V4_0, V4_1, V4_2};
use storage_domain::{BackendKind, MountOptions};

use crate::nfs::base;
use crate::support::{parse, pointers, with};

/// The options that nfs(5) documents; a value follows `=`.
const DOCUMENTED: &str = include_str!("nfs5.txt");
/// The manual page that Debian's nfs-common installs, unless the host excludes documentation.
const PAGE: &str = "/usr/share/man/man5/nfs.5.gz";

/// Options of nfs(5) that reach the kernel, with a value if they have one.
const ACCEPTED: &str = "nfsvers=4.2 vers=3 soft hard softreval nosoftreval timeo=600 retrans=2 rsize=1048576 wsize=1048576 \
    ac noac acregmin=3 acregmax=60 acdirmin=30 acdirmax=60 actimeo=0 nconnect=4 max_connect=4 rdirplus nordirplus \
    sec=krb5p:krb5i:krb5:sys:none sharecache nosharecache resvport noresvport lookupcache=positive fsc nofsc proto=rdma6 tcp \
    rdma port=0 mountport=0 mountproto=tcp6 mountvers=3 namlen=255 lock nolock cto nocto acl noacl local_lock=flock \
    minorversion=1 migration nomigration";
/// Options of nfs(5) that only mount(8) understands, or nobody any more.
const DROPPED: &str = "intr nointr bg fg retry=2";
/// Options of nfs(5) that are refused on purpose.
const REFUSED: &str = "sloppy udp mounthost=other clientaddr=10.0.0.6";

/// The options that mount(8) documents for every file system, without a value.
const GENERIC_PAGE: &str = "/usr/share/man/man8/mount.8.gz";
const GENERIC_ACCEPTED: &str = "async atime noatime nodev diratime nodiratime dirsync noexec nomand relatime norelatime \
    strictatime nostrictatime lazytime nolazytime nosuid ro rw sync nosymfollow";
const GENERIC_DROPPED: &str =
    "auto noauto defaults group iversion noiversion _netdev nofail silent loud owner user nouser users";
const GENERIC_REFUSED: &str = "dev exec mand suid remount";

/// Returns the name of an option, with `=` if it has a value.
fn name(option: &str) -> &str {
    option.find('=').map_or(option, |at| &option[..=at])
}

fn documented() -> Vec<&'static str> {
    DOCUMENTED.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn every_documented_option_is_handled_on_purpose() {
    let handled = [ACCEPTED, DROPPED, REFUSED].map(str::split_whitespace);
    let mut names: Vec<_> = handled.into_iter().flatten().map(name).collect();
    let mut documented = documented();
    names.sort_unstable();
    documented.sort_unstable();
    assert_eq!(names, documented);

    are_handled(ACCEPTED, DROPPED, REFUSED);
    are_handled(GENERIC_ACCEPTED, GENERIC_DROPPED, GENERIC_REFUSED);
}

fn are_handled(accepted: &str, dropped: &str, refused: &str) {
    let read = |option: &str| option.parse::<MountOptions>();
    for option in accepted.split_whitespace() {
        assert_eq!(read(option).map(|o| o.to_string()), Ok(option.to_owned()));
    }
    for option in dropped.split_whitespace() {
        assert_eq!(read(option), Ok(MountOptions::default()), "{option}");
    }
    for option in refused.split_whitespace() {
        let rule = read(option).unwrap_err().to_string();
        assert!(
            rule.contains(name(option).trim_end_matches('=')),
            "{option}: {rule}"
        );
    }
}

/// Returns the options that the page's tagged paragraphs (man(7)) begin with: `timeo= n`, or `soft " / " hard`.
fn options_of(page: &str) -> Vec<&str> {
    let (_, section) = page.split_once(".SH \"MOUNT OPTIONS\"").unwrap();
    let (section, _) = section.split_once("\n.SH ").unwrap();
    let lines: Vec<_> = section.lines().collect();
    let tags = lines.windows(2).filter(|pair| pair[0].starts_with(".TP"));
    let is_name = |word: &&str| {
        word.trim_end_matches('=')
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let mut options = Vec::new();
    for tag in tags.map(|pair| pair[1]) {
        let mut names: Vec<_> = tag.split(' ').skip(1).filter(is_name).collect();
        if names[0].ends_with('=') {
            names.truncate(1);
        }
        options.extend(
            names
                .into_iter()
                .filter(|name| !options.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    options
}

/// Returns the options that paragraphs of mount(8) begin with: `\fBnosymfollow\fP`.
fn generic_options_of(page: &str) -> Vec<&str> {
    let (_, section) = page
        .split_once(".SH \"FILESYSTEM\\-INDEPENDENT MOUNT OPTIONS\"")
        .unwrap();
    let (section, _) = section.split_once("\n.SH ").unwrap();
    let names = section
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fP"));
    let is_name = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    names.filter(is_name).collect()
}

fn page(path: &str) -> Option<String> {
    if !std::path::Path::new(path).exists() {
        return None;
    }
    #[expect(clippy::disallowed_methods, reason = "the page is compressed")]
    let mut zcat = std::process::Command::new("zcat");
    Some(String::from_utf8(zcat.arg(path).output().unwrap().stdout).unwrap())
}

#[test]
fn the_lists_of_documented_options_are_those_of_the_pages() {
    if let Some(page) = page(PAGE) {
        assert_eq!(options_of(&page), documented());
    }
    let Some(page) = page(GENERIC_PAGE) else { return };
    let handled = [GENERIC_ACCEPTED, GENERIC_DROPPED, GENERIC_REFUSED].map(str::split_whitespace);
    let mut handled: Vec<_> = handled.into_iter().flatten().collect();
    let mut listed = generic_options_of(&page);
    handled.sort_unstable();
    listed.sort_unstable();
    assert_eq!(handled, listed);
}

/// What is asked of the options does not depend on the spelling.
#[rstest]
#[case("rdma", "proto=rdma")]
#[case("proto=rdma6", "rdma")]
#[case("tcp", "proto=tcp6")]
#[case("proto=tcp,rdma", "tcp,proto=rdma6")]
#[case("v4.1", "nfsvers=4.1")]
#[case("vers=4.1", "nfsvers=4,minorversion=1")]
#[case("lookupcache=positive", "lookupcache=pos")]
#[case("timeo=050,retrans=02", "timeo=50,retrans=2")]
#[case("port=02049", "port=2049")]
#[case("mountproto=tcp6", "mountproto=tcp")]
#[case(" proto=rdma , ,ro", "rdma")]
fn two_spellings_are_one_option(#[case] one: &str, #[case] other: &str) {
    let [one, other] = [one, other].map(|text| text.parse::<MountOptions>().unwrap());
    assert_eq!(one.versions(), other.versions());
    assert_eq!(one.is_rdma(), other.is_rdma());
    for key in ["proto", "lookupcache", "timeo", "retrans", "port", "mountproto"] {
        assert_eq!(one.value(key), other.value(key), "{key}");
    }
}

#[rstest]
#[case(Value::Null, Value::Null)]
#[case("".into(), Value::Null)]
#[case(" , ,".into(), Value::Null)]
#[case("defaults,_netdev,nofail,noauto,x-systemd.automount,retry=5,bg".into(), Value::Null)]
#[case("vers=4.2".into(), "vers=4.2".into())]
#[case(" vers=3 , nolock,rw".into(), "vers=3,nolock,rw".into())]
#[case("rsize=512,wsize=0,noalignwrite".into(), "rsize=512,wsize=0,noalignwrite".into())]
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
#[case("port=65536", "port")]
#[case("mountport=65536", "mountport")]
#[case("mountvers=2", "mountvers the number 3")]
#[case("sec=", "sec")]
#[case("sec=krb5:", "sec")]
#[case("sec=krb5:ntlm", "sec")]
#[case("rdma=1", "rdma")]
#[case("rdirplus=yes", "rdirplus")]
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
#[case("nfsvers=3,v4.1", &[V4_1])]
#[case("nfsvers=4,minorversion=2", &[V4_2])]
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
#[case("sec=krb5p:krb5i:krb5", "kerberos", &[])]
#[case("sec=sys:krb5", "kerberos", &[])]
#[case("sec=sys:krb5", "none", &[])]
#[case("sec=none", "none", &[])]
#[case("sec=none", "kerberos", &["/config/mount_options"])]
#[case("sec=krb5i:krb5p", "none", &["/config/mount_options"])]
#[case("sec=sys,sec=krb5", "kerberos", &[])]
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
