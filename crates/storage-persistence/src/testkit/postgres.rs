//! A PostgreSQL server on a free port of the loopback.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{Connection, Executor};
use storage_domain::BackendId;

/// Keeps a server in a temporary directory until its standard input ends, as it does when the test process ends in
/// whatever way; then it stops the server and deletes the directory. Lines of its input stop and start the server.
const GUARD: &str = include_str!("postgres.sh");
/// Where Debian puts PostgreSQL's programs, one directory a version.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";
/// The port may be taken between the choice and the start.
const MAX_ATTEMPTS: u32 = 5;

/// A PostgreSQL server that ends with this value, or with the process.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    guard: Mutex<Guard>,
}

#[derive(Debug)]
struct Guard {
    child: Child,
    /// `None` once it has been closed.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl PostgresServer {
    /// Starts a server; blocks for about two seconds.
    pub fn start() -> Self {
        for _ in 0..MAX_ATTEMPTS {
            let port = free_port();
            let mut guard = Guard::spawn(port);
            if guard.answer() == "ready" {
                return Self {
                    port,
                    guard: Mutex::new(guard),
                };
            }
        }
        panic!("PostgreSQL does not start; is Debian's package postgresql installed?");
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server at once, as a crash would.
    pub fn crash(&self) {
        self.command("stop");
    }

    /// Starts it again.
    pub fn restart(&self) {
        self.command("start");
    }

    /// Makes it silent: what is sent to it arrives, and nothing comes back.
    pub fn freeze(&self) {
        self.command("freeze");
    }

    /// Lets it speak again.
    pub fn thaw(&self) {
        self.command("thaw");
    }

    fn command(&self, command: &str) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = guard.commands.as_mut().expect("the pipe is open until the drop");
        writeln!(pipe, "{command}").expect("the guard reads its commands");
        assert_eq!(guard.answer(), "done", "PostgreSQL could not {command}");
    }

    /// Creates an empty database and returns its URL.
    pub async fn create_database(&self) -> String {
        let name = format!("test_{}", BackendId::generate().as_uuid().simple());
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .database("postgres");
        let mut connection = PgConnection::connect_with(&options)
            .await
            .expect("the server answers");
        let statement = sea_orm::sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection
            .execute(statement)
            .await
            .expect("a database can be created");
        connection.close().await.expect("the connection can be closed");
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

impl Guard {
    #[expect(
        clippy::disallowed_methods,
        reason = "a server for tests, with fixed arguments"
    )]
    fn spawn(port: u16) -> Self {
        let bin = programs();
        // PostgreSQL refuses to run as root.
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command
            .args(["-c", GUARD, "postgres-guard"])
            .arg(bin)
            .arg(port.to_string())
            .current_dir("/")
            // An interrupt from the terminal reaches the tests, and the guard by the end of its input.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("a shell can be started");
        let answers = BufReader::new(child.stdout.take().expect("the output is a pipe"));
        Self {
            commands: child.stdin.take(),
            child,
            answers,
        }
    }

    /// The next line; empty where the guard has ended.
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the guard writes text");
        line.trim_end().to_owned()
    }
}

/// Ends the guard's input and waits until it has stopped the server.
impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.commands.take());
        // Nothing can be done about a failure here; the guard ends by itself.
        let _ = self.child.wait();
    }
}

/// The directory of the newest version's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir(DEBIAN_ROOT).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max();
    newest.expect("Debian's package postgresql is installed").1
}

/// Whether this process is root's: so are then the files that describe it.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
    listener.local_addr().expect("the listener has an address").port()
}
