//! iSCSI targets: whatever becomes of the program, no session of it is left behind.

use std::process::Stdio;

use nix::sys::signal::Signal;
use rstest::rstest;
use serde_json::json;

use crate::relay::Relay;
use crate::service::{Service, binary, directory, finish, until};
use crate::tgt::Tgt;

const BACKENDS: &str = "/api/v1/storage/backends";
const IQN: &str = "iqn.2026-11.lab.test:images";
const MIB: u64 = 1024 * 1024;

/// Requests of an initiator (RFC 7143, section 11.2.1.2).
const SCSI_COMMAND: u8 = 0x01;
const TEXT: u8 = 0x04;
const LOGOUT: u8 = 0x06;

fn target() -> Tgt {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, MIB);
    tgt.open(1);
    tgt
}

/// A target that admits one initiator: its own name has to be set wherever it is asked.
#[test]
fn the_name_that_was_set_is_the_one_that_is_admitted() {
    const NAME: &str = "iqn.2026-11.lab.test:Somebody";
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, MIB);
    tgt.admit(1, &NAME.to_lowercase());
    let port = tgt.port.to_string();
    let probe = |more: &[&str]| {
        let mut command = binary();
        command.args([
            "probe",
            "iscsi",
            "--target",
            "127.0.0.1",
            "--iqn",
            IQN,
            "--port",
            &port,
        ]);
        finish(command.args(more))
    };
    let (without, with) = (probe(&[]), probe(&["--iscsi-initiator-name", NAME]));
    assert_eq!(with.code, Some(0), "{}{}", with.out, with.err);
    assert_eq!(without.code, Some(1), "{}{}", without.out, without.err);
    assert!(
        without.out.contains("allow iqn.2026-11.io.pureboot:storage and"),
        "{}",
        without.out
    );

    let home = directory();
    let file = home.path().join("config.toml");
    std::fs::write(&file, format!("iscsi_initiator_name = \"{NAME}\"\n")).expect("it can be written");
    let file = file.to_str().expect("UTF-8");
    let service = Service::start_in(&home.path().join("state"), &["--config", file]);
    let offered = |service: &Service| {
        let path = format!("/api/v1/storage/discover/iscsi?portal=127.0.0.1:{port}");
        service.ask("GET", &path, "").json()["total"].clone()
    };
    assert_eq!(offered(&service), 1);
    assert_eq!(offered(&Service::start()), 0);
    left(&tgt);
}

/// Waits until the program is held up with a session open.
fn hold(relay: &Relay, tgt: &Tgt) {
    until("a request is held back", || (relay.held() > 0).then_some(()));
    assert!(!tgt.is_idle(), "nothing was open when the program was held up");
}

fn left(tgt: &Tgt) {
    until("no session is left", || tgt.is_idle().then_some(()));
}

#[rstest]
#[case::while_it_discovers(TEXT, Signal::SIGKILL, None)]
#[case::while_it_looks_at_units(SCSI_COMMAND, Signal::SIGKILL, None)]
#[case::while_it_logs_out(LOGOUT, Signal::SIGKILL, None)]
#[case::by_hand(SCSI_COMMAND, Signal::SIGINT, Some(130))]
fn a_probe_that_is_ended_leaves_no_session(
    #[case] at: u8,
    #[case] signal: Signal,
    #[case] code: Option<i32>,
) {
    let tgt = target();
    let relay = Relay::holding(tgt.port, at);
    let mut child = binary()
        .args(["probe", "iscsi", "--target", "127.0.0.1", "--iqn", IQN, "--port"])
        .arg(relay.port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    hold(&relay, &tgt);
    let pid = i32::try_from(child.id()).expect("a pid");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("it can be signalled");
    assert_eq!(child.wait().expect("it ends").code(), code);
    left(&tgt);
}

#[rstest]
#[case::while_it_discovers(TEXT)]
#[case::while_it_looks_at_units(SCSI_COMMAND)]
fn a_service_that_is_killed_leaves_no_session(#[case] at: u8) {
    let tgt = target();
    let relay = Relay::holding(tgt.port, at);
    let mut service = Service::start();
    let body = json!({
        "name": "san", "type": "iscsi", "config": { "target": "127.0.0.1", "port": relay.port, "iqn": IQN },
    });
    let created = service.ask("POST", BACKENDS, &body.to_string());
    assert_eq!(created.status, 201, "{}", created.body);
    let id = created.json()["data"]["id"].as_str().expect("an id").to_owned();
    let _asked = service.begin("POST", &format!("{BACKENDS}/{id}/test"), "");
    hold(&relay, &tgt);
    service.signal(Signal::SIGKILL);
    service.wait();
    left(&tgt);
}
