//! OpenStack Swift with s3api, installed by `tests/s3/swift/install.sh`; it verifies signatures and regions.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the servers that they test against"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::trees::{DIRECTORIES, OBJECTS, TEMPLATES, bytes};
use crate::{CANARY, backend, check, config, failure, free_port, probe, scan, with};

pub(crate) const KEY: &str = "test:tester";
const BUCKET: &str = "images";
/// What of a key is not encoded, as signatures want it.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

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
        let venv = output(Command::new(script("install.sh")));
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
        swift.signed_put("/images", "");
        swift.signed_put("/empty", "");
        for (key, size) in OBJECTS {
            swift.put(key, &"x".repeat(usize::try_from(size).unwrap()));
        }
        swift.put("marker/", "");
        swift.put("/leading/slash.iso", "12345");
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

    fn put(&self, key: &str, body: &str) {
        let key = utf8_percent_encode(key, KEPT);
        self.signed_put(&format!("/{BUCKET}/{key}"), body);
    }

    /// A signed PUT of s3api: Swift's own API would need memcached.
    fn signed_put(&self, path: &str, body: &str) {
        let credentials = Credentials::new(KEY, CANARY, None, None, "test");
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("lab-1")
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("{}{path}", self.url());
        let body_ = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("PUT", &uri, std::iter::empty(), body_).unwrap();
        let (signed, _) = sign(signable, &params).unwrap().into_parts();
        let mut head = format!(
            "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.port,
            body.len()
        );
        for (name, value) in signed.headers() {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let answer = self.exchange(&format!("{head}\r\n{body}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn config(&self) -> Value {
        config(&self.url(), BUCKET, KEY)
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
    let backend_ = backend(swift.config());
    let report = probe(&backend_).await;
    assert!(report.passed(), "{report:#?}");
    // The region was found from the server's own answer.
    let accepted = &check(&report, "credentials").detail;
    assert!(accepted.contains("lab-1"), "{accepted}");
    let counted = scan(&backend_).await;
    assert_eq!((counted.errors, &counted.first_error), (0, &None));
    assert_eq!(counted.files, OBJECTS.len() as u64 + 1);
    assert_eq!(counted.bytes.unwrap().get(), bytes() + 5);
    assert_eq!(counted.templates, TEMPLATES + 1);
    assert_eq!(counted.directories, DIRECTORIES + 3);
    for (wrong, name, says) in refused() {
        let report = probe(&backend(with(swift.config(), &wrong))).await;
        let failed = failure(&report);
        assert_eq!(failed.0, name, "{wrong}: {report:#?}");
        assert!(failed.1.contains(says), "{}", failed.1);
    }
    for prefix in ["/leading", "marker/", "ünï/", "sub+2", "a b"] {
        let below = backend(with(swift.config(), &json!({ "prefix": prefix })));
        let expected = u64::from(prefix != "marker/");
        assert_eq!(scan(&below).await.files, expected, "{prefix}");
    }
    let empty = backend(with(swift.config(), &json!({ "bucket": "empty" })));
    assert!(
        check(&probe(&empty).await, "list")
            .detail
            .contains("there is none yet")
    );
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
        (
            json!({ "bucket": "missing" }),
            "bucket",
            "no such thing as the bucket missing",
        ),
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
    use storage_backends::s3::buckets;
    use storage_domain::s3::S3Account;
    let swift = Swift::start().await;
    let account = json!({ "endpoint": swift.url(), "access_key_id": KEY, "secret_access_key": CANARY });
    let account = S3Account::parse(account.as_object().unwrap()).unwrap();
    let found = buckets(&account, &crate::cx()).await.unwrap();
    let names: Vec<String> = found.iter().map(|bucket| bucket.name.to_string()).collect();
    assert_eq!(names, ["empty", "images"]);
}
