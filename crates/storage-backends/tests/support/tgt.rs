//! The userspace target of Debian's package `tgt` on a free port of the loopback, ended when it is dropped. A test that
//! does not look whether a session was left behind has failed.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpSocket;

/// How long the daemon may take for anything.
const LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// A running target daemon.
pub(crate) struct Tgt {
    child: Child,
    pub(crate) port: u16,
    /// Keeps the port from other tests; the daemon shares it by SO_REUSEADDR.
    _taken: TcpSocket,
    dir: TempDir,
    targets: Vec<u32>,
    /// Whether it was seen without a session.
    left: AtomicBool,
}

impl Drop for Tgt {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert!(
            std::thread::panicking() || *self.left.get_mut(),
            "the test did not look whether a session was left behind"
        );
    }
}

pub(crate) fn program(name: &str) -> Command {
    let path = ["/usr/sbin", "/usr/bin"]
        .map(|dir| format!("{dir}/{name}"))
        .into_iter()
        .find(|path| fs::metadata(path).is_ok())
        .unwrap_or_else(|| panic!("{name} is not installed"));
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start the servers that they test against"
    )]
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    command
}

impl Tgt {
    /// Starts the daemon without a target, and waits until it can be told what to do.
    pub(crate) fn start() -> Self {
        let taken = TcpSocket::new_v4().unwrap();
        taken.set_reuseaddr(true).unwrap();
        taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = taken.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = program("tgtd")
            .args(["-f", "-C", "1", "--iscsi"])
            .arg(format!("portal=127.0.0.1:{port}"))
            .env("TGT_IPC_SOCKET", dir.path().join("sock"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let tgt = Self {
            child,
            port,
            _taken: taken,
            dir,
            targets: Vec::new(),
            left: AtomicBool::new(false),
        };
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err()
            || tgt.run(&["--mode", "sys", "--op", "show"]).is_err()
        {
            let log = fs::read_to_string(tgt.dir.path().join("log")).unwrap();
            assert!(Instant::now() < deadline, "tgtd does not serve: {log}");
            std::thread::sleep(PAUSE);
        }
        tgt
    }

    fn run(&self, args: &[&str]) -> Result<String, String> {
        let done = program("tgtadm")
            .args(["-C", "1", "--lld", "iscsi"])
            .args(args)
            .env("TGT_IPC_SOCKET", self.dir.path().join("sock"))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if done.status.success() {
            Ok(text(done.stdout))
        } else {
            Err(text(done.stderr))
        }
    }

    /// Tells the daemon what to do, in tgtadm's words.
    pub(crate) fn tell(&self, words: &str) -> String {
        let args: Vec<&str> = words.split(' ').collect();
        self.run(&args).unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    /// A target without a unit, and without anybody who may see it.
    pub(crate) fn target(&mut self, number: u32, name: &str) {
        self.tell(&format!("--op new --mode target --tid {number} -T {name}"));
        self.targets.push(number);
    }

    /// Shows a target to everybody.
    pub(crate) fn open(&self, number: u32) {
        self.tell(&format!("--op bind --mode target --tid {number} -I ALL"));
    }

    /// Shows a target to the initiator of this name.
    pub(crate) fn admit(&self, number: u32, initiator: &str) {
        self.tell(&format!("--op bind --mode target --tid {number} -Q {initiator}"));
    }

    /// A unit of this many bytes, of which none is written.
    pub(crate) fn lun(&self, target: u32, lun: u32, size: u64) {
        self.lun_with(target, lun, size, "");
    }

    pub(crate) fn lun_with(&self, target: u32, lun: u32, size: u64, more: &str) {
        let path = self.dir.path().join(format!("{target}-{lun}.img"));
        fs::File::create(&path).unwrap().set_len(size).unwrap();
        let path = path.to_str().unwrap();
        self.tell(&format!(
            "--op new --mode logicalunit --tid {target} --lun {lun} -b {path}{more}"
        ));
    }

    /// Sets one thing of a unit.
    pub(crate) fn set(&self, target: u32, lun: u32, params: &str) {
        self.tell(&format!(
            "--op update --mode logicalunit --tid {target} --lun {lun} --params {params}"
        ));
    }

    /// An account that initiators of a target log in with, or that the target proves itself with.
    pub(crate) fn account(&self, target: u32, user: &str, password: &str, outgoing: bool) {
        self.new_account(user, password);
        let outgoing = if outgoing { " --outgoing" } else { "" };
        self.tell(&format!(
            "--op bind --mode account --tid {target} --user {user}{outgoing}"
        ));
    }

    /// The account that discoveries log in with.
    pub(crate) fn finder(&self, user: &str, password: &str) {
        self.new_account(user, password);
        self.tell(&format!("--op bind --mode account --user {user}"));
    }

    fn new_account(&self, user: &str, password: &str) {
        let args = [
            "--op",
            "new",
            "--mode",
            "account",
            "--user",
            user,
            "--password",
            password,
        ];
        self.run(&args).unwrap();
    }

    /// The sessions that the targets have now, and the connections that the daemon has: those of discoveries belong to
    /// no target.
    pub(crate) fn sessions(&self) -> String {
        let of = |target: &u32| self.tell(&format!("--op show --mode conn --tid {target}"));
        let mut shown: String = self.targets.iter().map(of).collect();
        for connection in self.connections() {
            shown.push_str(&connection);
            shown.push('\n');
        }
        shown
    }

    /// The daemon's sockets that are open on its side: established (1), or closed by the other side only (8); see proc(5).
    fn connections(&self) -> Vec<String> {
        let port = format!(":{:04X}", self.port);
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let open = table.lines().filter(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (local, state) = (fields.next().unwrap(), fields.nth(1).unwrap());
            local.ends_with(&port) && matches!(state, "01" | "08")
        });
        open.map(|line| format!("connection {}", line.trim())).collect()
    }

    /// Whether no session is there. A test that has seen that has looked.
    pub(crate) fn is_idle(&self) -> bool {
        let idle = self.sessions().trim().is_empty();
        self.left.fetch_or(idle, Ordering::Relaxed);
        idle
    }

    /// Waits until no session is there.
    pub(crate) async fn is_left(&self) {
        let deadline = Instant::now() + LIMIT;
        while !self.is_idle() {
            assert!(Instant::now() < deadline, "left behind: {}", self.sessions());
            tokio::time::sleep(PAUSE).await;
        }
    }
}
