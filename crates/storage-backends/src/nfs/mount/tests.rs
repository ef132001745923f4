use std::net::SocketAddr;

use rstest::rstest;
use serde_json::json;
use storage_domain::{BackendConfig, BackendId, BackendKind, MountPoint};

use super::*;
use crate::net::Egress;

fn request(server: &str, path: &str, options: Option<&str>, auth: &str) -> MountRequest {
    let config =
        json!({"server": server, "export_path": path, "mount_options": options, "auth_method": auth});
    match BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap() {
        BackendConfig::Nfs(nfs) => MountRequest::new(&nfs),
        _ => unreachable!(),
    }
}

fn addr(text: &str) -> Permitted {
    let addr = SocketAddr::new(text.parse().unwrap(), 0);
    Egress::default()
        .permit(None, vec![addr], None)
        .unwrap()
        .remove(0)
}

fn call(request: &MountRequest, from: &str) -> MountCall {
    let at = MountPoint::new("/run/mounts".as_ref(), BackendId::generate());
    request.call(at.as_path(), &addr(from))
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
        &request("nas.lab", "/srv/images", Some(options), "none"),
        "10.0.0.5",
    );
    assert_eq!(call.attempts.len(), 1);
    assert_eq!(call.attempts[0].data, data);
    assert_eq!(call.source, "nas.lab:/srv/images");
}

#[test]
fn every_version_is_tried_where_none_is_named() {
    let call = call(&request("nas.lab", "/srv/images", None, "none"), "10.0.0.5");
    let versions: Vec<_> = call.attempts.iter().map(|a| a.label.as_str()).collect();
    assert_eq!(versions, ["4.2", "4.1", "4.0", "3"]);
    let families: Vec<_> = call.attempts.iter().map(|a| a.family.as_str()).collect();
    assert_eq!(families, ["4", "4", "4", "3"]);
    assert!(call.attempts[3].data.contains("nolock"));
    assert!(!call.attempts[0].data.contains("nolock"));
}

#[test]
fn an_ipv6_server_is_bracketed_in_the_source_only() {
    let call = call(
        &request("fd00::5", "/srv/images", Some("vers=4.1,proto=tcp"), "kerberos"),
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
        MsFlags::from_bits_retain(call(&request("n.lab", "/x", Some(options), "none"), "10.0.0.5").flags)
    };
    assert_eq!(of("vers=3"), MsFlags::MS_RDONLY);
    assert_eq!(
        of("rw,noatime,sync"),
        MsFlags::MS_NOATIME | MsFlags::MS_SYNCHRONOUS
    );
    assert_eq!(of("rw,noatime,atime"), MsFlags::empty());
    assert_eq!(of("rw,strictatime,nostrictatime"), MsFlags::empty());
    assert_eq!(of("rw,nosymfollow"), MS_NOSYMFOLLOW);
    assert_eq!(of("rw,nosymfollow,symfollow"), MsFlags::empty());
}
