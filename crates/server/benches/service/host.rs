//! The namespace, and the service in it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use crate::{family, load};

/// Says that this process is in the namespace already.
pub(crate) const INSIDE: &str = "--inside";
/// How long anything may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn command(program: &str) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the benchmark's own programs are started here only"
    )]
    let command = Command::new(program);
    command
}

/// Runs this program again in a network namespace of its own; gives its exit code.
pub(crate) fn inside_a_namespace(args: &[String]) -> i32 {
    let this = std::env::current_exe().expect("this program has a path");
    let mut unshare = command("unshare");
    if !nix::unistd::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let status = unshare
        .arg("--net")
        .arg(this)
        .arg(INSIDE)
        .args(args)
        .status()
        .expect("unshare is installed");
    status.code().unwrap_or(1)
}

/// Loopback, and an interface that drops what is sent to 10.99.0.0/24.
pub(crate) fn bring_up_network() {
    for line in [
        "link set lo up",
        "link add dead type veth peer name void",
        // Nobody is asked for an address, so that a packet leaves and is never heard of again.
        "link set dead arp off",
        "addr add 10.99.0.1/24 dev dead",
        "link set void up",
        "link set dead up",
    ] {
        let done = command("ip")
            .args(line.split(' '))
            .status()
            .expect("iproute2 is installed");
        assert!(done.success(), "ip {line}");
    }
}

/// As many open files as this process, and what it starts, may have.
pub(crate) fn raise_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("it may be as high as that");
}

/// The lines of a service's log.
type Lines = std::io::Lines<BufReader<ChildStderr>>;

/// The next address that the log names.
fn announced(lines: &mut Lines) -> SocketAddr {
    lines
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .find_map(|event| event.get("address")?.as_str()?.parse().ok())
        .expect("the service listens")
}

/// A service, killed when it is dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    /// Starts a service and waits until it answers.
    pub(crate) fn start(state: &Path) -> Self {
        let (service, [_]) = Self::launch(state, &[]);
        service
    }

    /// Starts a service that serves boot files too; gives their address as well.
    pub(crate) fn start_booting(state: &Path) -> (Self, SocketAddr) {
        let more = ["--boot-listen", "127.0.0.1:0", "--boot-networks", "loopback"];
        let (service, [_, boot]) = Self::launch(state, &more);
        (service, boot)
    }

    /// Starts a service and waits for the addresses that it announces, its own first.
    fn launch<const N: usize>(state: &Path, more: &[&str]) -> (Self, [SocketAddr; N]) {
        let mut service = Self::spawn(state, more);
        let stderr = service.child.stderr.take().expect("a pipe");
        let mut lines = BufReader::new(stderr).lines();
        let addresses = std::array::from_fn(|_| announced(&mut lines));
        service.address = addresses[0];
        // Whatever it logs later has to be read.
        std::thread::spawn(move || lines.for_each(drop));
        (service, addresses)
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn spawn(state: &Path, more: &[&str]) -> Self {
        let mut command = command(env!("CARGO_BIN_EXE_pureboot-storage"));
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--no-mount",
            "--log-format",
            "json",
            "--state-dir",
        ]);
        let child = command
            .arg(state)
            .args(more)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Self {
            child: child.expect("the binary starts"),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    /// From the start of the process to the first 200, in ms.
    pub(crate) fn start_time(state: &Path) -> f64 {
        let begun = Instant::now();
        let service = Self::start(state);
        let end = begun + PATIENCE;
        while load::get(service.address, "/healthz").0 != 200 {
            assert!(Instant::now() < end, "the service does not answer");
        }
        begun.elapsed().as_secs_f64() * 1000.0
    }

    /// Resident memory in MB.
    pub(crate) fn resident_mb(&self) -> f64 {
        family::resident_mb(self.pid()).expect("the process is there")
    }

    /// Processor time of all threads so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.pid());
        let stat = std::fs::read_to_string(path).expect("the process is there");
        family::time(&stat, 2)
    }

    /// Registers so many backends beside those that are there.
    pub(crate) fn fill(&self, count: usize) -> Vec<String> {
        let there = load::get(self.address, crate::BACKENDS).1;
        let there: Value = serde_json::from_str(&there).expect("JSON");
        let first = there["total"].as_u64().expect("a number");
        let body = |n: u64| {
            format!(
                r#"{{"name":"backend {n}","type":"nfs","config":{{"server":"10.99.0.5","export_path":"/srv/{n}"}}}}"#
            )
        };
        (first..)
            .take(count)
            .map(|n| load::register(self.address, &body(n)))
            .collect()
    }

    /// Registers backends on hosts that never answer, of both kinds.
    pub(crate) fn register_dead(&self, count: usize) -> Vec<String> {
        let body = |n: usize| {
            let host = format!("10.99.0.{}", 100 + n);
            if n.is_multiple_of(2) {
                format!(r#"{{"name":"dead {n}","type":"http","config":{{"base_url":"http://{host}"}}}}"#)
            } else {
                format!(
                    r#"{{"name":"dead {n}","type":"nfs","config":{{"server":"{host}","export_path":"/srv"}}}}"#
                )
            }
        };
        (0..count)
            .map(|n| load::register(self.address, &body(n)))
            .collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
