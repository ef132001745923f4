//! OpenStack Swift with s3api, installed by `.ci/venv`; it verifies signatures and regions.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the servers that they test against"
)]

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::s3::account::Account;
use crate::s3::real::{lists_its_buckets, passes_and_counts, refuses};
use crate::s3::{CANARY, config, free_port};

pub(crate) const KEY: &str = "test:tester";

/// A Swift of one node, ended when it is dropped.
pub(crate) struct Swift {
    children: Vec<Child>,
    dir: TempDir,
    port: u16,
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/s3/swift")
        .join(name)
}

fn output(mut command: Command) -> String {
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Swift {
    /// Starts one with the bucket `images` and the objects of the trees in it.
    pub(crate) async fn start() -> Self {
        tokio::task::spawn_blocking(Self::started).await.unwrap()
    }

    fn started() -> Self {
        let mut install = Command::new(script("../../../../../.ci/venv"));
        install.arg(script("."));
        let venv = output(install);
        let dir = tempfile::tempdir().unwrap();
        let ports = [free_port(), free_port(), free_port(), free_port()];
        let mut configure = Command::new(script("configure.sh"));
        configure.arg(&venv).arg(dir.path());
        configure.args(ports.map(|port| port.to_string())).arg(CANARY);
        output(configure);
        let mut swift = Self {
            children: Vec::new(),
            dir,
            port: ports[0],
        };
        for (kind, port) in ["object", "container", "account", "proxy"]
            .into_iter()
            .zip([ports[1], ports[2], ports[3], ports[0]])
        {
            swift.spawn(&venv, kind, port);
        }
        swift.account().fill();
        swift
    }

    fn spawn(&mut self, venv: &str, kind: &str, port: u16) {
        let log = fs::File::create(self.dir.path().join(format!("{kind}.log"))).unwrap();
        let bin = Path::new(venv).join("bin");
        let child = Command::new(bin.join("python"))
            .arg(bin.join(format!("swift-{kind}-server")))
            .arg(self.dir.path().join(format!("{kind}.conf")))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.children.push(child);
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(self.dir.path().join(format!("{kind}.log"))).unwrap();
            assert!(Instant::now() < deadline, "{kind} does not listen: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn account(&self) -> Account<'_> {
        Account {
            port: self.port,
            key: KEY,
            secret: CANARY,
            region: "lab-1",
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn config(&self) -> Value {
        config(&self.url(), "images", KEY)
    }
}

impl Drop for Swift {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::test]
async fn passes_counts_and_refuses() {
    let swift = Swift::start().await;
    passes_and_counts(&swift.config(), "lab-1", "/leading").await;
    for (wrong, name, says) in refused() {
        refuses(&swift.config(), &wrong, name, says).await;
    }
}

/// What is set wrong, the check that fails, and what it says.
fn refused() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (
            json!({ "access_key_id": "test:other" }),
            "credentials",
            "or the server does not know that key",
        ),
        (
            json!({ "secret_access_key": "canary-hush-other" }),
            "credentials",
            "secret_access_key does not belong to access_key_id",
        ),
        (
            json!({ "region": "eu-west-1" }),
            "credentials",
            "region is lab-1 and not eu-west-1: set region to lab-1",
        ),
        (json!({ "bucket": "missing" }), "bucket", "has no bucket missing"),
        (
            json!({ "access_key_id": "test:guest", "secret_access_key": "guessing" }),
            "list",
            "may not list",
        ),
        (
            json!({ "secret_access_key": null }),
            "credentials",
            "without a signature (412 Precondition Failed, and no XML of S3): set secret_access_key",
        ),
    ]
}

#[tokio::test]
async fn buckets_are_discovered() {
    let swift = Swift::start().await;
    lists_its_buckets(&swift.url(), KEY, CANARY, &["empty", "images"]).await;
}
