//! Supervises child processes: one process group each, killed at the end and always reaped.
//!
//! A task owns each process from its start to its end, so that a caller may stop waiting at any moment.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::BoxFuture;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Time that the kernel gets to end a killed process, after which the process counts as stuck.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(2);
/// Time that a process gets to exit after it closed its output.
const EXIT_GRACE: Duration = Duration::from_millis(500);
/// Time that a killed process gets if its supervisor is dropped with the runtime, in nanoseconds.
const DROP_GRACE_NANOS: i64 = 200_000_000;

/// Puts right what a process left that was ended before it answered.
pub(crate) type Cleanup = BoxFuture<'static, ()>;

/// The standard input of a process.
pub(super) enum Input {
    None,
    /// Bytes; the input stays open until the process is gone.
    Bytes(Vec<u8>),
    /// A socket whose other end the caller has.
    Socket(OwnedFd),
}

/// Says what a supervisor does besides killing and reaping.
pub(super) struct Supervision {
    pub(super) input: Input,
    /// Time that the process gets to exit if its [`Process`] is dropped.
    pub(super) farewell: Duration,
    /// Receives the process id if SIGKILL has no effect, and `None` once such a process is gone.
    pub(super) on_stuck: Box<dyn Fn(Option<u32>) + Send + Sync>,
    /// Runs after the end of a process that did not answer.
    pub(super) cleanup: Option<Cleanup>,
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            input: Input::None,
            farewell: Duration::ZERO,
            on_stuck: Box::new(|_| ()),
            cleanup: None,
        }
    }
}

/// Says why a process is no longer needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It answered: kill it.
    Answered,
    /// It closed its output: let it exit, then kill it.
    Closed,
    /// Its answer takes too long: kill it.
    Abandoned,
}

/// A running process. Dropping it has the process killed, reaped and cleaned up after.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) stdout: ChildStdout,
    pub(super) stderr: Option<ChildStderr>,
    ending: oneshot::Sender<Ending>,
    gone: oneshot::Receiver<io::Result<ExitStatus>>,
}

impl Process {
    /// Starts a command in a process group of its own, with no environment but `LC_ALL`.
    ///
    /// # Errors
    /// The error of fork(2) or execve(2).
    pub(super) fn start(mut command: Command, mut with: Supervision) -> io::Result<Self> {
        let (stdin, input) = match std::mem::replace(&mut with.input, Input::None) {
            Input::None => (Stdio::null(), Vec::new()),
            Input::Bytes(bytes) => (Stdio::piped(), bytes),
            Input::Socket(socket) => (Stdio::from(socket), Vec::new()),
        };
        command
            .current_dir("/")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut group = Group {
            leader: command.spawn()?,
        };
        let stdout = group.leader.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let stderr = group.leader.stderr.take();
        let (ending, asked) = oneshot::channel();
        let (report, gone) = oneshot::channel();
        tokio::spawn(group.supervise(with, input, asked, report));
        Ok(Self {
            stdout,
            stderr,
            ending,
            gone,
        })
    }

    /// Ends the process and returns how it ended, `None` if it hangs in the kernel.
    ///
    /// Takes [`KILL_GRACE`] at the most, and a moment for a process that exits by itself.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing about the end.
    pub(super) async fn end(self, why: Ending) -> Option<ExitStatus> {
        let _supervisor_ended = self.ending.send(why);
        self.gone.await.ok()?.ok()
    }
}

/// A process group whose leader is this process's child. Dropping it kills the group.
struct Group {
    leader: Child,
}

impl Group {
    async fn supervise(
        mut self,
        with: Supervision,
        input: Vec<u8>,
        ending: oneshot::Receiver<Ending>,
        gone: oneshot::Sender<io::Result<ExitStatus>>,
    ) {
        // Closing the input would end a helper, so it stays open until the process is gone.
        let mut stdin = self.leader.stdin.take();
        let ending = tokio::select! {
            biased;
            ending = ending => ending.ok(),
            () = feed(stdin.as_mut(), &input) => None,
        };
        let by_itself = match ending {
            Some(Ending::Closed) => self.exit_within(EXIT_GRACE).await,
            Some(Ending::Answered | Ending::Abandoned) => None,
            None => self.exit_within(with.farewell).await,
        };
        let status = if by_itself.is_some() {
            by_itself
        } else {
            self.kill();
            self.exit_within(KILL_GRACE).await
        };
        if let Some(status) = status {
            let _nobody_waits = gone.send(status);
        } else {
            (with.on_stuck)(self.leader.id());
            drop(gone);
            let _ended = self.leader.wait().await;
            (with.on_stuck)(None);
        }
        if let Some(cleanup) = with.cleanup.filter(|_| ending != Some(Ending::Answered)) {
            cleanup.await;
        }
    }

    async fn exit_within(&mut self, limit: Duration) -> Option<io::Result<ExitStatus>> {
        timeout(limit, self.leader.wait()).await.ok()
    }

    /// Kills the group, if its leader is not reaped: its number cannot be another group's until then.
    fn kill(&self) {
        if let Some(pid) = self.leader.id().and_then(|id| i32::try_from(id).ok()) {
            let _gone_already = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    /// Reaps the leader in place: a group that is dropped with a living leader has lost its runtime.
    fn drop(&mut self) {
        let Some(pid) = self.leader.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        self.kill();
        let pid = rustix::process::Pid::from_raw(pid);
        if let Some(Ok(exited)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
            let limit = Timespec {
                tv_sec: 0,
                tv_nsec: DROP_GRACE_NANOS,
            };
            let _late = poll(&mut [PollFd::new(&exited, PollFlags::IN)], Some(&limit));
        }
        let _late = self.leader.try_wait();
    }
}

/// Writes the input and never ends.
async fn feed(stdin: Option<&mut ChildStdin>, input: &[u8]) {
    if let Some(stdin) = stdin {
        // A process that does not read ends without an answer, which its owner sees.
        let _closed = stdin.write_all(input).await;
    }
    std::future::pending::<()>().await;
}
