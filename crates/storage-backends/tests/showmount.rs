//! The export list of a real NFS server, and of servers that don't behave, each in namespaces of its own.
//!
//! showmount always asks port 111, so that each test starts its own binary again in a private network namespace, in
//! which `tests/showmount/setup.sh` starts the server. Everything there dies with the namespace's first process.
//! Namespaces need root.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use storage_backends::nfs::exports::{ExportsError, LIST_DEADLINE, list};
use storage_backends::testkit::conformance::{Subject, run};
use storage_backends::{Backend, Network, OpContext, Registry, Settings};
use storage_domain::{BackendConfig, BackendId, BackendKind, Host, Revision};

use crate::support::alone::is_alone;

/// True inside the namespaces, beside a server of that `kind`. Outside it runs the test there, and is false.
fn inside(test: &str, kind: &str) -> bool {
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/showmount/setup.sh");
    let wrapper = "unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private sh";
    let wrapper: Vec<_> = wrapper.split(' ').chain([setup, kind]).collect();
    is_alone(&format!("showmount::{test}"), &wrapper)
}

async fn ask(host: &str) -> Result<Vec<String>, ExportsError> {
    let cx = OpContext::within(Duration::from_mins(1));
    let host: Host = host.parse().unwrap();
    let addrs = Network::default().resolve(host.addr(), 0, LIST_DEADLINE).await;
    let addr = addrs.unwrap().remove(0);
    let found = list(&cx, &host, &addr).await?;
    Ok(found
        .exports
        .iter()
        .map(|e| format!("{} {}", e.path, e.clients))
        .collect())
}

fn reason(result: Result<Vec<String>, ExportsError>) -> String {
    match result {
        Err(ExportsError::NotAvailable(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

/// No showmount may be left in this process namespace.
fn none_left() {
    let names = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        (stat.contains("(showmount)") && !stat.contains(") Z ")).then_some(stat)
    });
    let names: Vec<_> = names.collect();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn ganesha_lists_its_exports() {
    if inside("ganesha_lists_its_exports", "ganesha") {
        for host in ["127.0.0.1", "::1"] {
            let mut exports = ask(host).await.unwrap();
            exports.sort();
            assert_eq!(
                exports,
                [
                    "/mem/images 127.0.0.1/32,10.0.0.0/8,netgrp",
                    "/mem/with space (everyone)"
                ],
                "{host}"
            );
        }
        none_left();
    }
}

#[tokio::test]
async fn a_closed_port_is_reported_at_once() {
    if inside("a_closed_port_is_reported_at_once", "none") {
        for host in ["127.0.0.1", "::1"] {
            let begun = Instant::now();
            let reason = reason(ask(host).await);
            assert!(reason.contains("runs no rpcbind"), "{reason}");
            assert!(begun.elapsed() < LIST_DEADLINE);
        }
    }
}

#[tokio::test]
async fn rpcbind_without_a_mount_daemon_is_an_nfsv4_server() {
    if inside("rpcbind_without_a_mount_daemon_is_an_nfsv4_server", "rpcbind") {
        let reason = reason(ask("127.0.0.1").await);
        assert_eq!(
            reason,
            "127.0.0.1 runs no mount daemon, as is usual for NFSv4-only servers, so it has no export list"
        );
    }
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_is_given_up() {
    if inside("a_server_that_accepts_and_never_answers_is_given_up", "none") {
        let silent = std::net::TcpListener::bind("127.0.0.1:111").unwrap();
        let begun = Instant::now();
        let reason = reason(ask("127.0.0.1").await);
        assert!(reason.starts_with("rpcbind on 127.0.0.1 accepts"), "{reason}");
        let took = begun.elapsed();
        assert!(took >= LIST_DEADLINE && took < LIST_DEADLINE * 3, "{took:?}");
        none_left();
        drop(silent);
    }
}

/// rpcbind still names the ports of a server that has died.
#[tokio::test]
async fn a_mount_daemon_that_has_died_is_named() {
    if inside("a_mount_daemon_that_has_died_is_named", "dead") {
        for host in ["127.0.0.1", "::1"] {
            let reason = reason(ask(host).await);
            assert!(
                reason.contains("refuses connections on its port 20048"),
                "{reason}"
            );
        }
    }
}

/// A firewall drops what goes to its port, as a listener does that accepts nothing and has a full queue.
#[tokio::test]
async fn a_port_of_the_mount_daemon_that_does_not_answer_is_named() {
    if inside("a_port_of_the_mount_daemon_that_does_not_answer_is_named", "dead") {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:20048".parse().unwrap()).unwrap();
        let _listener = socket.listen(0).unwrap();
        let _first = tokio::net::TcpStream::connect("127.0.0.1:20048").await.unwrap();
        let reason = reason(ask("127.0.0.1").await);
        assert!(reason.contains("does not answer on its port 20048"), "{reason}");
        assert!(reason.contains("firewall"), "{reason}");
        none_left();
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported() {
    if inside("an_unreachable_server_is_reported", "none") {
        let reason = reason(ask("192.0.2.1").await);
        assert!(reason.contains("does not answer on port 111"), "{reason}");
    }
}

/// A backend that is not mounted: the kernel's client needs a machine of its own.
fn unmounted(server: &str, export: &str) -> Arc<dyn Backend> {
    let config = json!({"server": server, "export_path": export});
    let config = BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap();
    Registry::new(Settings::new(None))
        .unwrap()
        .get(BackendId::generate(), Revision::FIRST, &config)
        .unwrap()
}

#[tokio::test]
async fn the_suite_for_backends_passes() {
    if inside("the_suite_for_backends_passes", "ganesha") {
        for (export, dead) in [
            ("/mem/images", "192.0.2.1"),
            ("/mem/with space", "no-such-host.invalid"),
        ] {
            run(&Subject {
                healthy: unmounted("127.0.0.1", export),
                unreachable: unmounted(dead, export),
                secrets: Vec::new(),
                limit: Duration::from_secs(30),
            })
            .await;
        }
        none_left();
    }
}
