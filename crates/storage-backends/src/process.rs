//! The only door to other programs.
//!
//! A program is named by [`Program`], never by text; it is started from a fixed list of directories, with nothing of
//! this process's environment, in a process group of its own. Its output is capped, and nothing of it outlives the
//! call: not past the deadline, not where the future is dropped.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::context::OpContext;

/// Where programs are looked for, in this order.
const DIRECTORIES: [&str; 6] = [
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
];

/// How much a program may print on its standard output, in bytes.
pub const MAX_STDOUT_BYTES: usize = 1024 * 1024;
/// How much a program may print on its standard error, in bytes.
pub const MAX_STDERR_BYTES: usize = 64 * 1024;

/// A program that may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Asks an NFS server for its export list: showmount(8).
    Showmount,
}

impl Program {
    /// The program's file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Showmount => "showmount",
        }
    }

    /// What an operator does where the program is missing.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Showmount => "install the package nfs-common",
        }
    }

    fn find(self) -> Result<PathBuf, ProcessError> {
        let missing = || ProcessError::NotInstalled {
            program: self.name(),
            remedy: self.remedy(),
        };
        let mut candidates = DIRECTORIES.iter().map(|dir| Path::new(dir).join(self.name()));
        candidates.find(|path| path.is_file()).ok_or_else(missing)
    }
}

/// A program that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit status; 0 is success.
    pub status: i32,
    /// What it printed, at most [`MAX_STDOUT_BYTES`].
    pub stdout: Vec<u8>,
    /// What it complained about, at most [`MAX_STDERR_BYTES`], with U+FFFD for what is no UTF-8.
    pub stderr: String,
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It is in none of the directories that are searched.
    #[error("{program} is not installed: {remedy}")]
    NotInstalled {
        /// The program.
        program: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// It could not be started, or its output could not be read.
    #[error("running {program} failed")]
    Start {
        /// The program.
        program: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// It did not end in time, and was killed.
    #[error("{program} gave no answer in time")]
    Deadline {
        /// The program.
        program: &'static str,
    },
    /// The operation was cancelled; the program was killed.
    #[error("{program} was cancelled")]
    Cancelled {
        /// The program.
        program: &'static str,
    },
    /// It printed more than is read of it, and was killed.
    #[error("{program} printed more than {limit} bytes")]
    TooMuchOutput {
        /// The program.
        program: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A signal ended it.
    #[error("{program} was ended by signal {signal}")]
    Signal {
        /// The program.
        program: &'static str,
        /// The signal's number.
        signal: i32,
    },
}

/// Runs a program to its end, and answers with what it printed, whatever its exit status is.
///
/// # Errors
/// [`ProcessError`]; the program and everything it started are dead then.
/// # Cancel safety
/// Dropping the future kills the program's process group; the runtime reaps it.
pub async fn run(cx: &OpContext, program: Program, args: &[&OsStr]) -> Result<Finished, ProcessError> {
    run_path(cx, program.name(), &program.find()?, args).await
}

async fn run_path(
    cx: &OpContext,
    program: &'static str,
    path: &Path,
    args: &[&OsStr],
) -> Result<Finished, ProcessError> {
    let mut group = Group::start(path, args).map_err(|source| ProcessError::Start { program, source })?;
    match cx.bound(program, group.finish(program)).await {
        Ok(finished) => finished,
        Err(early) => {
            group.end().await;
            Err(if early.is_cancelled() {
                ProcessError::Cancelled { program }
            } else {
                ProcessError::Deadline { program }
            })
        }
    }
}

/// A process group with the program at its head. Dropping it kills the group.
struct Group {
    leader: Child,
}

impl Group {
    fn start(path: &Path, args: &[&OsStr]) -> io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one door through which programs are started"
        )]
        let mut command = Command::new(path);
        command
            .args(args)
            .env_clear()
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        Ok(Self {
            leader: command.spawn()?,
        })
    }

    async fn finish(&mut self, program: &'static str) -> Result<Finished, ProcessError> {
        let failed = |source| ProcessError::Start { program, source };
        let (stdout, stderr) = (self.leader.stdout.take(), self.leader.stderr.take());
        let read = async {
            tokio::try_join!(
                read_capped(stdout, MAX_STDOUT_BYTES, program),
                read_capped(stderr, MAX_STDERR_BYTES, program)
            )
        };
        let (stdout, stderr) = match read.await {
            Ok(both) => both,
            Err(error) => {
                self.end().await;
                return Err(error);
            }
        };
        let status = self.leader.wait().await.map_err(failed)?;
        let Some(status) = status.code() else {
            let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default();
            return Err(ProcessError::Signal { program, signal });
        };
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Ok(Finished {
            status,
            stdout,
            stderr,
        })
    }

    /// Kills the group and reaps its head.
    async fn end(&mut self) {
        self.kill();
        // A process that was sent SIGKILL can only be late where the kernel holds it; the runtime reaps it then.
        let _reaped = tokio::time::timeout(std::time::Duration::from_secs(1), self.leader.wait()).await;
    }

    fn kill(&self) {
        // As long as its head is not reaped, no other group can have this number.
        if let Some(pid) = self.leader.id().and_then(|id| i32::try_from(id).ok()) {
            let _gone_already = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads to the end, or fails as soon as there is more than `limit`.
async fn read_capped(
    pipe: Option<impl AsyncRead + Unpin>,
    limit: usize,
    program: &'static str,
) -> Result<Vec<u8>, ProcessError> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let read = pipe.take(limit as u64 + 1).read_to_end(&mut bytes).await;
        read.map_err(|source| ProcessError::Start { program, source })?;
    }
    if bytes.len() > limit {
        return Err(ProcessError::TooMuchOutput { program, limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
