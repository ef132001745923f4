//! The secrets of CHAP: those that log in, those that the target proves itself with, those of a discovery.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::service::{Answer, Done, Service, binary, directory};
use crate::tgt::Tgt;

const BACKENDS: &str = "/api/v1/storage/backends";
const IQN: &str = "iqn.2026-11.lab.test:images";
/// All secrets have it, and nothing else does.
const MARK: &str = "hush";
/// The mark as a binary value of CHAP would show it.
const MARK_IN_HEX: &str = "68757368";
/// What tgt knows; its own tool takes no comma.
const OWN: &str = r#"hush-"own'\ é€"#;
const THEIRS: &str = r"hush-theirs %s $(id) ключ";
const FINDERS: &str = "hush-finder's {} <&>=;";
/// What it does not know.
const WRONG: &str = r#"hush,wrong,"%00",\u0068,=🔑"#;

fn target() -> Tgt {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, 1024 * 1024);
    tgt.open(1);
    tgt.account(1, "ops", OWN, false);
    tgt.account(1, "nas", THEIRS, true);
    tgt.finder("finder", FINDERS);
    tgt
}

/// The config with every secret, right or wrong.
fn config(tgt: &Tgt, own: &str, theirs: &str, finders: &str) -> Value {
    json!({
        "target": "127.0.0.1", "port": tgt.port, "iqn": IQN,
        "chap_enabled": true, "chap_username": "ops", "chap_password": own,
        "mutual_chap_username": "nas", "mutual_chap_password": theirs,
        "discovery_chap_username": "finder", "discovery_chap_password": finders,
    })
}

fn hides(what: &str, text: &str) {
    for mark in [MARK, MARK_IN_HEX] {
        assert!(!text.contains(mark), "{what} tells a secret: {text}");
    }
}

/// Looks at the arguments of a process and of all that it started, again and again.
pub(super) struct Watch {
    ended: Arc<AtomicBool>,
    seen: JoinHandle<BTreeSet<String>>,
}

impl Watch {
    /// Begins to look, and has looked once when it returns: a program that was just started has no arguments yet.
    pub(super) fn start(pid: u32) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        let first = crate::service::until("the arguments of a process can be seen", || {
            let arguments = arguments(pid);
            (!arguments[0].is_empty()).then_some(arguments)
        });
        let mut seen = BTreeSet::from_iter(first);
        let seen = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                seen.extend(arguments(pid));
            }
            seen
        });
        Self { ended, seen }
    }

    pub(super) fn end(self) -> BTreeSet<String> {
        self.ended.store(true, Ordering::Relaxed);
        self.seen.join().expect("looking does not fail")
    }
}

/// The arguments of a process, first, and of its children, with the environment that they were started with.
fn arguments(pid: u32) -> Vec<String> {
    let children = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let children = children.flatten().flat_map(|task| {
        let listed = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        listed.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    let all: Vec<String> = [pid.to_string()].into_iter().chain(children).collect();
    let read = |pid: &String, file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    all.iter()
        .flat_map(|pid| [read(pid, "cmdline"), read(pid, "environ")])
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

/// Everything that the interface can be asked of an iSCSI backend, with right and with wrong secrets.
#[test]
fn are_in_no_answer_no_log_and_no_argument() {
    let (tgt, home) = (target(), directory());
    let service = Service::start_in(&home.path().join("state"), &["--log-level", "trace"]);
    let watch = Watch::start(service.pid());
    let right = config(&tgt, OWN, THEIRS, FINDERS);
    let body =
        |name: &str, config: &Value| json!({ "name": name, "type": "iscsi", "config": config }).to_string();
    let created = service.ask("POST", BACKENDS, &body("san", &right));
    assert_eq!(created.status, 201, "{}", created.body);
    let id = created.json()["data"]["id"].as_str().expect("an id").to_owned();
    let path = format!("{BACKENDS}/{id}");
    let mut answers = vec![
        created,
        service.ask("POST", BACKENDS, &body("san", &right)),
        service.ask("POST", BACKENDS, &body(&"x".repeat(101), &right)),
        service.ask(
            "POST",
            BACKENDS,
            &body("line", &config(&tgt, "hush\nhush", THEIRS, FINDERS)),
        ),
        service.ask(
            "POST",
            BACKENDS,
            &body("long", &config(&tgt, OWN, &"hush".repeat(1100), FINDERS)),
        ),
        service.ask("POST", BACKENDS, &body("cut", &right).replace('}', "")),
        service.ask(
            "PATCH",
            &path,
            &json!({ "config": { "target": "127.0.0.2" } }).to_string(),
        ),
        service.ask("GET", &path, ""),
        service.ask("GET", BACKENDS, ""),
        service.ask(
            "GET",
            &format!("/api/v1/storage/discover/iscsi?portal=127.0.0.1:{}", tgt.port),
            "",
        ),
    ];
    let refused: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(refused, [201, 409, 422, 400, 400, 400, 400, 200, 200, 502]);
    answers.extend(looked(&service, &path, None));
    let wrongs = [
        (config(&tgt, WRONG, THEIRS, FINDERS), "Check chap_username"),
        (
            config(&tgt, OWN, WRONG, FINDERS),
            "another secret than mutual_chap_password",
        ),
        (config(&tgt, OWN, OWN, FINDERS), "Use two different ones"),
    ];
    for (wrong, says) in &wrongs {
        let changed = service.ask("PATCH", &path, &json!({ "config": wrong }).to_string());
        assert_eq!(changed.status, 200, "{}", changed.body);
        answers.push(changed);
        answers.extend(looked(&service, &path, Some(says)));
    }
    // The target is tried without the list that the wrong password does not get.
    let finder = config(&tgt, OWN, THEIRS, WRONG);
    answers.push(service.ask("PATCH", &path, &json!({ "config": finder }).to_string()));
    answers.extend(looked(&service, &path, None));
    answers.push(service.ask("DELETE", &path, ""));
    for answer in &answers {
        hides("an answer", &answer.body);
    }
    let seen = watch.end();
    assert!(seen.iter().any(|line| line.contains("--log-level")), "{seen:?}");
    hides("an argument", &format!("{seen:?}"));
    let log = service.log();
    hides("the log", &log);
    assert!(log.contains("TRACE") && log.contains(&id), "nothing was logged");
    crate::service::until("no session is left", || tgt.is_idle().then_some(()));
}

/// Tests the backend and lists its units; both pass, or both say why not.
fn looked(service: &Service, path: &str, why: Option<&str>) -> [Answer; 2] {
    let tested = service.ask("POST", &format!("{path}/test"), "");
    let listed = service.ask("GET", &format!("{path}/luns"), "");
    assert_eq!(tested.json()["data"]["success"], why.is_none(), "{}", tested.body);
    assert_eq!(
        listed.status,
        if why.is_none() { 200 } else { 502 },
        "{}",
        listed.body
    );
    for answer in [&tested, &listed] {
        assert!(why.is_none_or(|why| answer.body.contains(why)), "{}", answer.body);
    }
    [tested, listed]
}

/// Probes by hand, with two secrets in files and one on standard input.
fn probe(tgt: &Tgt, home: &Path, own: &str) -> (Done, BTreeSet<String>) {
    let file = |name: &str, secret: &str| {
        let path = home.join(name);
        fs::write(&path, secret).expect("it can be written");
        path
    };
    let mut child = binary()
        .env("PUREBOOT_STORAGE_LOG_LEVEL", "trace")
        .args([
            "probe",
            "iscsi",
            "--target",
            "127.0.0.1",
            "--iqn",
            IQN,
            "--chap-enabled",
        ])
        .args([
            "--chap-username",
            "ops",
            "--chap-password-stdin",
            "--mutual-chap-username",
            "nas",
        ])
        .args([
            "--discovery-chap-username",
            "finder",
            "--port",
            &tgt.port.to_string(),
        ])
        .arg("--mutual-chap-password-file")
        .arg(file("theirs", THEIRS))
        .arg("--discovery-chap-password-file")
        .arg(file("finders", FINDERS))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let watch = Watch::start(child.id());
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(own.as_bytes()).expect("it can be written");
    drop(stdin);
    let done = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let done = Done {
        code: done.status.code(),
        out: text(done.stdout),
        err: text(done.stderr),
    };
    (done, watch.end())
}

#[test]
fn are_not_told_by_a_probe() {
    let (tgt, home) = (target(), directory());
    for (own, code) in [(OWN, 0), (WRONG, 1), ("hush\u{7}", 2)] {
        let (done, seen) = probe(&tgt, home.path(), own);
        assert_eq!(done.code, Some(code), "{}{}", done.out, done.err);
        hides("the output", &format!("{}{}", done.out, done.err));
        assert!(
            seen.iter().any(|line| line.contains("--chap-password-stdin")),
            "{seen:?}"
        );
        hides("an argument", &format!("{seen:?}"));
    }
    crate::service::until("no session is left", || tgt.is_idle().then_some(()));
}
