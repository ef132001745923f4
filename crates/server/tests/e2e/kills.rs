//! A service that is killed at any moment loses nothing that it acknowledged, and needs nobody's help to start again.
//!
//! `KILL_ROUNDS` tells how often each test kills; `make soak` kills 200 times.

mod boot;
mod load;
mod requests;
mod trail;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rstest::rstest;
use storage_persistence::testkit::PostgresServer;

use self::load::{Load, Model, Random};
use crate::service::{Service, binary, directory, finish};

const DEFAULT_ROUNDS: u32 = 8;

fn rounds() -> u32 {
    let set = std::env::var("KILL_ROUNDS").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_ROUNDS)
}

/// A database, and the service's directory.
struct Place {
    home: tempfile::TempDir,
    url: Option<String>,
    server: Option<PostgresServer>,
}

impl Place {
    async fn new(kind: &str) -> Self {
        let home = directory();
        if kind == "sqlite" {
            return Self {
                home,
                url: None,
                server: None,
            };
        }
        let server = tokio::task::spawn_blocking(PostgresServer::start)
            .await
            .expect("PostgreSQL starts");
        Self {
            home,
            url: Some(server.create_database().await),
            server: Some(server),
        }
    }

    fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    fn options(&self) -> Vec<&str> {
        self.url
            .iter()
            .flat_map(|url| ["--database-url", url.as_str()])
            .collect()
    }

    fn start(&self) -> Service {
        Service::start_in(&self.state(), &self.options())
    }

    fn keys(&self, command: &str) -> std::process::Command {
        let mut keys = binary();
        keys.args(["keys", command, "--state-dir"])
            .arg(self.state())
            .args(self.options());
        keys
    }

    /// The keys that the database knows, or that are in the file.
    fn key_lines(&self) -> Vec<String> {
        let done = finish(&mut self.keys("status"));
        assert_eq!(done.code, Some(0), "{}", done.err);
        done.out.lines().skip(1).map(str::to_owned).collect()
    }
}

fn pause(random: &mut Random, most: Duration) {
    // The moment of the kill is to be a random one.
    std::thread::sleep(most.mul_f64(random.fraction()));
}

/// What a start has to clear up is cleared up.
fn nothing_is_left_over(state: &Path) {
    let names = std::fs::read_dir(state).expect("it can be read").flatten();
    let odd: Vec<String> = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("storage.db") && name != "secret.key" && name != ".secret.key.lock")
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[rstest]
#[case("sqlite")]
#[case("postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost(#[case] kind: &str) {
    let (place, mut random) = (Place::new(kind).await, Random::new());
    let (mut model, mut writes) = (Model::default(), 0);
    for round in 0..rounds() {
        let mut service = place.start();
        model.check(&service, round);
        let load = Load::start(service.address, model);
        pause(&mut random, Duration::from_millis(300));
        service.kill();
        (model, writes) = load.end(writes);
    }
    let service = place.start();
    model.check(&service, rounds());
    nothing_is_left_over(&place.state());
    assert!(
        writes >= u64::from(rounds()),
        "only {writes} writes were acknowledged"
    );
    println!(
        "{kind}: {} kills, {writes} acknowledged writes, none lost, each with its record",
        rounds()
    );
}

/// Killed while it makes its key, its database and its schema.
#[rstest]
#[case("sqlite")]
#[case("postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_can_be_killed(#[case] kind: &str) {
    let mut random = Random::new();
    let mut place = Place::new(kind).await;
    for round in 0..rounds() {
        if round > 0 {
            place = match &place.server {
                None => Place::new(kind).await,
                Some(server) => Place {
                    url: Some(server.create_database().await),
                    home: directory(),
                    server: place.server,
                },
            };
        }
        let mut service = Service::spawn(&place.state(), &place.options());
        pause(&mut random, Duration::from_millis(250));
        service.kill();
        let service = place.start();
        assert_eq!(
            requests::create(service.address, "first").map(|made| made.0),
            Some(201)
        );
    }
}

fn spawn(command: &mut std::process::Command) -> Child {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().expect("the binary starts")
}

/// Under load, with the service running: a rotation that is killed is finished by the next one, and nobody notices.
#[rstest]
#[case("sqlite")]
#[case("postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_can_be_killed(#[case] kind: &str) {
    let (place, mut random) = (Place::new(kind).await, Random::new());
    let mut service = place.start();
    let (mut model, mut writes) = (Model::default(), 0);
    for round in 0..rounds() {
        let load = Load::start(service.address, model);
        let mut rotation = spawn(&mut place.keys("rotate"));
        pause(&mut random, Duration::from_millis(400));
        rotation.kill().expect("it can be killed");
        rotation.wait().expect("it ends");
        if round % 2 == 1 {
            service.kill();
        }
        (model, writes) = load.end(writes);
        if round % 2 == 1 {
            service = place.start();
        }
        model.check(&service, round);
    }
    let load = Load::start(service.address, model);
    // The first may only finish what was broken off.
    for _ in 0..2 {
        let done = finish(&mut place.keys("rotate"));
        assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    }
    (model, writes) = load.end(writes);
    model.check(&service, rounds());
    let keys = place.key_lines();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(
        keys[0].ends_with("present") && !keys[0].contains("  0 backends"),
        "{keys:?}"
    );
    nothing_is_left_over(&place.state());
    println!(
        "{kind}: {} rotations killed, {writes} acknowledged writes, none lost",
        rounds()
    );
}
