//! Garage, another S3 server: it verifies signatures and regions, and refuses in words of its own.
//!
//! It takes minutes to build, so that these tests run where they are asked for only: `make test-garage`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the servers that they test against"
)]

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use storage_backends::Settings;
use storage_backends::net::Network;
use storage_backends::s3::S3Backend;
use storage_backends::testkit::conformance::{Subject, run};
use tempfile::TempDir;

use crate::s3::account::Account;
use crate::s3::closed::ClosedPort;
use crate::s3::real::{lists_its_buckets, passes_and_counts, refuses};
use crate::s3::trees::OBJECTS;
use crate::s3::{backend, backend_in, check, config, free_port, probe, scan, with};

/// The variable of the surroundings that names the program.
const PROGRAM: &str = "GARAGE_BIN";
const REGION: &str = "lab-1";
/// Garage makes keys of these lengths, in hexadecimal digits.
const KEY: &str = "GK0123456789abcdef01234567";
const GUEST: &str = "GKfedcba98765432100fedcba9";
const SECRET: &str = "ca9a55ec5ec4e7ca9a55ec5ec4e7ca9a55ec5ec4e7ca9a55ec5ec4e7ca9a55ec";
const RPC_SECRET: &str = "1799bccfd7411eddcf9ebd316bc1f5287ad12a68094e1c6ac6abde7e6feae1ec";

/// A Garage of one node, ended when it is dropped.
struct Garage {
    child: Child,
    dir: TempDir,
    port: u16,
}

impl Garage {
    /// Starts one with what an [`Account`] fills in, and a key that may do nothing.
    async fn start() -> Self {
        tokio::task::spawn_blocking(Self::started).await.unwrap()
    }

    fn started() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (port, rpc) = (free_port(), free_port());
        fs::write(dir.path().join("garage.toml"), settings(&dir, port, rpc)).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let mut server = command(&dir);
        server.arg("server").stdin(Stdio::null());
        let child = server
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let garage = Self { child, dir, port };
        garage.lay_out();
        garage.tell(&["key", "import", "--yes", "-n", "tests", KEY, SECRET]);
        garage.tell(&["key", "allow", "--create-bucket", KEY]);
        garage.tell(&["key", "import", "--yes", "-n", "guest", GUEST, SECRET]);
        garage.account().fill();
        // The account's buckets are known to its key alone; this one is known to all keys.
        garage.tell(&["bucket", "create", "shared"]);
        garage
    }

    /// Gives the node all of the data, once it listens.
    fn lay_out(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let node = loop {
            let found = self.ask(&["node", "id", "-q"]);
            if found.status.success() && self.ask(&["status"]).status.success() {
                break String::from_utf8(found.stdout).unwrap();
            }
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap();
            assert!(Instant::now() < deadline, "garage does not answer: {log}");
            std::thread::sleep(Duration::from_millis(50));
        };
        self.tell(&["layout", "assign", "-z", "z1", "-c", "1G", &node[..16]]);
        self.tell(&["layout", "apply", "--version", "1"]);
    }

    fn ask(&self, args: &[&str]) -> Output {
        command(&self.dir).args(args).output().unwrap()
    }

    fn tell(&self, args: &[&str]) {
        let done = self.ask(args);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{args:?}: {said}");
    }

    fn account(&self) -> Account<'_> {
        Account {
            port: self.port,
            key: KEY,
            secret: SECRET,
            region: REGION,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn config(&self) -> Value {
        with(
            config(&self.url(), "images", KEY),
            &json!({ "secret_access_key": SECRET }),
        )
    }
}

impl Drop for Garage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &TempDir) -> Command {
    let program = std::env::var_os(PROGRAM).unwrap_or_else(|| panic!("{PROGRAM} does not name the program"));
    let mut command = Command::new(program);
    command.env("GARAGE_CONFIG_FILE", dir.path().join("garage.toml"));
    command
}

fn settings(dir: &TempDir, port: u16, rpc: u16) -> String {
    let at = dir.path().display();
    format!(
        "metadata_dir = \"{at}/meta\"\ndata_dir = \"{at}/data\"\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
         rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{RPC_SECRET}\"\n\
         [s3_api]\ns3_region = \"{REGION}\"\napi_bind_addr = \"127.0.0.1:{port}\"\nroot_domain = \".s3.lab\"\n"
    )
}

#[tokio::test]
#[ignore = "needs Garage, which takes minutes to build: make test-garage"]
async fn passes_counts_and_refuses() {
    let garage = Garage::start().await;
    // Garage drops slashes at the beginning of keys.
    passes_and_counts(&garage.config(), REGION, "leading").await;
    for (wrong, name, says) in refused() {
        refuses(&garage.config(), &wrong, name, says).await;
    }
}

/// What is set wrong, the check that fails, and what it says.
fn refused() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (
            json!({ "access_key_id": "GK00000000000000000000000f" }),
            "credentials",
            "does not know the access key",
        ),
        (
            json!({ "secret_access_key": "0".repeat(64) }),
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
            json!({ "access_key_id": GUEST }),
            "bucket",
            "or allow the access key to use it (Garage hides buckets from other keys)",
        ),
        (
            json!({ "access_key_id": GUEST, "bucket": "shared" }),
            "list",
            "may not list",
        ),
        (
            json!({ "secret_access_key": null }),
            "list",
            "set secret_access_key",
        ),
    ]
}

#[tokio::test]
#[ignore = "needs Garage, which takes minutes to build: make test-garage"]
async fn keeps_to_the_suite() {
    let garage = Garage::start().await;
    let closed = ClosedPort::take();
    let nowhere = format!("http://127.0.0.1:{}", closed.number);
    run(&Subject {
        healthy: Arc::new(backend(garage.config())),
        unreachable: Arc::new(backend(with(garage.config(), &json!({ "endpoint": nowhere })))),
        secrets: vec![SECRET.to_owned()],
        limit: Duration::from_secs(30),
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Garage, which takes minutes to build: make test-garage"]
async fn more_than_a_page_is_counted() {
    const MANY: u64 = 2100;
    let garage = Garage::start().await;
    let uploads = garage.account();
    uploads.create("many");
    for n in 0..MANY {
        uploads.put("many", &format!("image {n:04}+é.iso"), "12");
    }
    let counted = scan(&backend(with(garage.config(), &json!({ "bucket": "many" })))).await;
    assert_eq!(
        (counted.files, counted.templates, counted.errors),
        (MANY, MANY, 0)
    );
    assert_eq!(counted.bytes.unwrap().get(), MANY * 2);
}

#[tokio::test]
#[ignore = "needs Garage, which takes minutes to build: make test-garage"]
async fn buckets_are_found_by_name_and_in_the_path() {
    let garage = Garage::start().await;
    let there = vec![SocketAddr::from(([127, 0, 0, 1], garage.port))];
    for (domain, style) in [("s3.lab", "virtual"), ("s3.lab", "auto"), ("other.lab", "auto")] {
        let names = [domain.to_owned(), format!("images.{domain}")];
        let network = Network::with_places(names.map(|name| (name, there.clone())));
        let settings = Settings {
            network,
            ..Settings::new(None)
        };
        let more = json!({ "endpoint": format!("http://{domain}"), "addressing": style });
        let limits = S3Backend::limits();
        let backend = backend_in(&settings, with(garage.config(), &more), limits);
        let report = probe(&backend).await;
        assert!(report.passed(), "{domain} {style}: {report:#?}");
        assert!(
            check(&report, "resolve").detail.starts_with("images."),
            "{report:#?}"
        );
        assert_eq!(
            scan(&backend).await.files,
            OBJECTS.len() as u64 + 1,
            "{domain} {style}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Garage, which takes minutes to build: make test-garage"]
async fn buckets_are_discovered() {
    let garage = Garage::start().await;
    lists_its_buckets(&garage.url(), KEY, SECRET, &["empty", "images"]).await;
}
