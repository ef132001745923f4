//! A service that a test starts, and everything that it needs to be asked.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for a state before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(10);

/// The binary under test, without what the surroundings set for it.
pub(crate) fn binary() -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the binary under test is started here only"
    )]
    let mut command = Command::new(env!("CARGO_BIN_EXE_pureboot-storage"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PUREBOOT_STORAGE_") || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Another program, that a test needs.
pub(crate) fn command(program: &str) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start the servers that they test against"
    )]
    Command::new(program)
}

/// What a command that ran to its end left.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Done {
    finish(binary().args(args))
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Done {
    let done = command.output().expect("the binary starts");
    Done {
        code: done.status.code(),
        out: String::from_utf8(done.stdout).expect("UTF-8"),
        err: String::from_utf8(done.stderr).expect("UTF-8"),
    }
}

/// Makes the database of a state directory, or brings it up to date.
pub(crate) fn make_database(state: &Path) {
    let done = finish(binary().args(["migrate", "--create", "--state-dir"]).arg(state));
    assert_eq!(done.code, Some(0), "{}", done.err);
}

/// A directory in which mounting would be allowed: not below a temporary one.
pub(crate) fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made")
}

/// Waits for a state.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(LOOK);
    }
}

/// A service, killed when it is dropped.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
    /// Deleted last.
    home: Option<TempDir>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

impl Service {
    /// Starts a service with a state directory of its own, without mounting.
    pub(crate) fn start() -> Self {
        let home = directory();
        let mut service = Self::start_in(&home.path().join("state"), &[]);
        service.home = Some(home);
        service
    }

    /// Starts a service and waits until it listens.
    pub(crate) fn start_in(state: &Path, more: &[&str]) -> Self {
        let mut service = Self::spawn(state, more);
        service.address = service.wait_for_address();
        service
    }

    /// Starts a service and does not wait.
    pub(crate) fn spawn(state: &Path, more: &[&str]) -> Self {
        Self::spawn_by(binary(), state, more)
    }

    /// Starts a service by a command that ends as the binary.
    pub(crate) fn spawn_by(mut command: Command, state: &Path, more: &[&str]) -> Self {
        let log = state.with_extension("log");
        let file = File::create(&log).expect("the log can be made");
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--no-mount",
            "--log-format",
            "json",
        ]);
        command.arg("--state-dir").arg(state).args(more);
        let child = command
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the binary starts");
        Self {
            child,
            log,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            home: None,
        }
    }

    /// The address that the log tells.
    pub(crate) fn wait_for_address(&mut self) -> SocketAddr {
        until("the service listens", || {
            let ended = self.child.try_wait().expect("the child can be waited for");
            assert!(ended.is_none(), "the service ended: {ended:?}\n{}", self.log());
            let events = self.events();
            events
                .iter()
                .find_map(|e| e.get("address")?.as_str()?.parse().ok())
        })
    }

    /// Everything that was logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// Every whole line of the log.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Sends a request on a connection of its own, and does not wait for the answer.
    pub(crate) fn begin(&self, method: &str, path: &str, body: &str) -> TcpStream {
        self.begin_with("", method, path, body)
    }

    /// Sends a request with further header lines.
    fn begin_with(&self, more: &str, method: &str, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the service accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        let length = body.len();
        let host = self.address;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
        )
        .expect("the request can be sent");
        stream
    }

    /// Asks for something, on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        Self::answer(self.begin(method, path, body))
    }

    /// Asks for something with an access token.
    pub(crate) fn ask_as(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let field = format!("Authorization: Bearer {token}\r\n");
        Self::answer(self.begin_with(&field, method, path, body))
    }

    fn answer(mut stream: TcpStream) -> Answer {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the answer is UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .expect("a status");
        Answer {
            status,
            body: body.to_owned(),
        }
    }

    /// Sends what may be no request, and reads until the service closes.
    pub(crate) fn send(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the service accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream.write_all(bytes.as_bytes()).expect("it can be sent");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("the half can be closed");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the answer is UTF-8");
        text
    }

    /// Registers a web server's directory.
    pub(crate) fn register(&self, name: &str) -> Answer {
        let body =
            format!(r#"{{"name":"{name}","type":"http","config":{{"base_url":"http://127.0.0.1:9"}}}}"#);
        self.ask("POST", "/api/v1/storage/backends", &body)
    }

    /// The service's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sets bounds of prlimit(1).
    pub(crate) fn bound(&self, limit: &str) {
        let pid = self.pid().to_string();
        let done = finish(command("prlimit").args(["--pid", &pid, limit]));
        assert_eq!(done.code, Some(0), "{}", done.err);
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.pid()).expect("a pid");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)
            .expect("the service can be signalled");
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the service can be killed");
        self.child.wait().expect("the child can be waited for");
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the service ends", || {
            self.child.try_wait().expect("the child can be waited for")
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let is_bad = |line: &&str| line.contains(r#""ERROR""#) || line.contains(r#""WARN""#);
            let bad: Vec<_> = log.lines().filter(is_bad).take(20).collect();
            #[expect(clippy::print_stderr, reason = "the harness shows it with the failure")]
            {
                eprintln!("the service's errors: {bad:#?}");
            }
        }
        let _home = self.home.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
