//! A worker process from its start to its end, whoever stops waiting for it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use super::slot::{Hold, Slot};
use crate::worker::WorkerCommand;

/// How long the kernel may take to let a killed worker go, before it counts as stuck.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(2);
/// How long a worker that closed its output may take to end by itself: how it does is worth knowing.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The stack of the threads that wait for workers: they do nothing but wait.
const STACK_BYTES: usize = 64 * 1024;

/// What has to be put right after a worker that was ended in the middle of its call.
pub(crate) type Cleanup = Box<dyn FnOnce() + Send>;

/// A worker process. Dropping it kills its whole process group, and a thread of its own reaps it: no runtime is needed
/// for that.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) input: pipe::Sender,
    pub(super) output: pipe::Receiver,
    process: Arc<Process>,
    gone: Option<oneshot::Receiver<ExitStatus>>,
    given_up: bool,
}

/// Why a worker is no longer waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It answered.
    Answered,
    /// It closed its output or answered what is no answer.
    BrokenOff,
    /// Its answer takes too long, or nobody wants it any more.
    GivenUp,
}

/// A child process that may be killed for as long as it is not reaped, so that its number can't be another's.
#[derive(Debug)]
struct Process {
    pid: u32,
    slot: Arc<Slot>,
    state: Mutex<State>,
    reaped: Condvar,
}

#[derive(Debug)]
struct State {
    alive: bool,
    answered: bool,
}

impl Running {
    /// Starts a worker. `cleanup` runs after it is gone, where it did not answer.
    pub(super) fn start(
        worker: &WorkerCommand,
        slot: &Arc<Slot>,
        hold: Arc<Hold>,
        cleanup: Option<Cleanup>,
    ) -> io::Result<Self> {
        let mut child = worker.start()?;
        let process = Arc::new(Process {
            pid: child.id(),
            slot: Arc::clone(slot),
            state: Mutex::new(State {
                alive: true,
                answered: false,
            }),
            reaped: Condvar::new(),
        });
        let pipes = pipes(&mut child);
        let (sender, gone) = oneshot::channel();
        let waiter = Arc::clone(&process);
        thread::Builder::new()
            .name("worker-wait".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || waiter.wait(child, cleanup, hold, sender))
            .inspect_err(|_| process.kill())?;
        let (input, output) = pipes.inspect_err(|_| process.kill())?;
        Ok(Self {
            input,
            output,
            process,
            gone: Some(gone),
            given_up: false,
        })
    }

    /// Kills the worker and waits until it is gone and cleaned up after, for at most [`KILL_GRACE`]; tells how it
    /// ended.
    pub(super) async fn end(mut self, why: Ending) -> String {
        self.process.lock().answered = why == Ending::Answered;
        let Some(mut gone) = self.gone.take() else {
            return String::new();
        };
        if why == Ending::BrokenOff
            && let Ok(status) = tokio::time::timeout(LAST_WORDS, &mut gone).await
        {
            return told(status.ok());
        }
        self.process.kill();
        let ended = tokio::time::timeout(KILL_GRACE, gone).await;
        if let Ok(status) = ended {
            return told(status.ok());
        }
        self.process.declare_stuck();
        self.given_up = true;
        "it hangs in the kernel".to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.given_up && self.process.lock().alive {
            self.process.kill();
            let process = Arc::clone(&self.process);
            // Without the thread the worker is killed and reaped all the same; only "stuck" would not be seen.
            let _ = thread::Builder::new()
                .name("worker-grace".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || process.wait_grace());
        }
    }
}

impl Process {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn group(&self) -> Pid {
        Pid::from_raw(self.pid.cast_signed())
    }

    /// Kills the whole process group, unless the worker is reaped already.
    fn kill(&self) {
        let state = self.lock();
        if state.alive {
            let _ = killpg(self.group(), Signal::SIGKILL);
        }
    }

    fn declare_stuck(&self) {
        let state = self.lock();
        if state.alive {
            self.slot.set_stuck(Some(self.pid));
        }
    }

    /// Gives the kernel its time to let the killed worker go.
    fn wait_grace(&self) {
        let waited = self
            .reaped
            .wait_timeout_while(self.lock(), KILL_GRACE, |state| state.alive);
        drop(waited);
        self.declare_stuck();
    }

    /// Waits for the worker's end, however long it takes, and frees the lane.
    fn wait(
        &self,
        mut child: Child,
        cleanup: Option<Cleanup>,
        hold: Arc<Hold>,
        gone: oneshot::Sender<ExitStatus>,
    ) {
        let dead = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(self.group()), dead) == Err(Errno::EINTR) {}
        let (status, answered) = {
            let mut state = self.lock();
            // Its number is still its own: whatever it started goes with it.
            let _ = killpg(self.group(), Signal::SIGKILL);
            let status = child.wait();
            state.alive = false;
            (status, state.answered)
        };
        self.reaped.notify_all();
        // From here on nothing hangs: who comes now waits for the cleaning up instead of being refused.
        self.slot.set_stuck(None);
        if let Some(cleanup) = cleanup.filter(|_| !answered) {
            cleanup();
        }
        drop(hold);
        if let Ok(status) = status {
            let _ = gone.send(status);
        }
    }
}

fn pipes(child: &mut Child) -> io::Result<(pipe::Sender, pipe::Receiver)> {
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    Ok((
        pipe::Sender::from_owned_fd(OwnedFd::from(input))?,
        pipe::Receiver::from_owned_fd(OwnedFd::from(output))?,
    ))
}

/// How a worker ended, in words.
fn told(status: Option<ExitStatus>) -> String {
    match status.map(|s| (s.code(), s.signal())) {
        Some((Some(code), _)) => format!("it ended with status {code}"),
        Some((_, Some(signal))) => format!("it was ended by signal {signal}"),
        _ => "it ended".to_owned(),
    }
}
