//! Runs other programs: each is named by [`Program`], never by text, and has bounded time and output.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::process::{Ending, Process, Supervision};
use crate::context::OpContext;

/// Directories that are searched for programs, in this order.
const DIRECTORIES: [&str; 6] = [
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
];

/// Limit of a program's standard output, in bytes.
pub const MAX_STDOUT_BYTES: usize = 1024 * 1024;
/// Limit of a program's standard error, in bytes.
pub const MAX_STDERR_BYTES: usize = 64 * 1024;

/// Names a program that may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// showmount(8), which asks an NFS server for its export list.
    Showmount,
}

impl Program {
    /// Returns the program's file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Showmount => "showmount",
        }
    }

    /// Returns what an operator does if the program is missing.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Showmount => "install the package nfs-common",
        }
    }

    fn find(self) -> Result<PathBuf, ProgramError> {
        let mut candidates = DIRECTORIES.iter().map(|dir| Path::new(dir).join(self.name()));
        candidates
            .find(|path| path.is_file())
            .ok_or(ProgramError::NotInstalled {
                program: self.name(),
                remedy: self.remedy(),
            })
    }
}

/// Describes a program that exited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Exit status; 0 is success.
    pub status: i32,
    /// Standard output, at most [`MAX_STDOUT_BYTES`].
    pub stdout: Vec<u8>,
    /// Standard error, at most [`MAX_STDERR_BYTES`], with U+FFFD for what is not UTF-8.
    pub stderr: String,
}

/// Describes why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is in none of the directories that are searched.
    #[error("{program} is not installed: {remedy}")]
    NotInstalled {
        /// Name of the program.
        program: &'static str,
        /// Remedy for the operator.
        remedy: &'static str,
    },
    /// It could not be started, or its output could not be read.
    #[error("running {program} failed")]
    Start {
        /// Name of the program.
        program: &'static str,
        /// Error of the kernel.
        #[source]
        source: io::Error,
    },
    /// It did not end in time, and was killed.
    #[error("{program} gave no answer in time")]
    Deadline {
        /// Name of the program.
        program: &'static str,
    },
    /// The operation was cancelled; the program was killed.
    #[error("{program} was cancelled")]
    Cancelled {
        /// Name of the program.
        program: &'static str,
    },
    /// It printed more than the limit, and was killed.
    #[error("{program} printed more than {limit} bytes")]
    TooMuchOutput {
        /// Name of the program.
        program: &'static str,
        /// Limit in bytes.
        limit: usize,
    },
    /// A signal ended it.
    #[error("{program} was ended by signal {signal}")]
    Signal {
        /// Name of the program.
        program: &'static str,
        /// Number of the signal.
        signal: i32,
    },
}

/// Runs a program to its end and returns its output, whatever its exit status is.
///
/// # Errors
/// [`ProgramError`]; the program and everything it started are dead then.
/// # Cancel safety
/// Dropping the future kills the program's process group.
pub async fn run(cx: &OpContext, program: Program, args: &[&OsStr]) -> Result<Finished, ProgramError> {
    run_path(cx, program.name(), &program.find()?, args).await
}

async fn run_path(
    cx: &OpContext,
    program: &'static str,
    path: &Path,
    args: &[&OsStr],
) -> Result<Finished, ProgramError> {
    let failed = |source| ProgramError::Start { program, source };
    let mut process = start(path, args).map_err(failed)?;
    let read = async {
        tokio::try_join!(
            read_capped(Some(&mut process.stdout), MAX_STDOUT_BYTES, program),
            read_capped(process.stderr.as_mut(), MAX_STDERR_BYTES, program)
        )
    };
    let read = match cx.bound(program, read).await {
        Ok(read) => read,
        Err(early) if early.is_cancelled() => Err(ProgramError::Cancelled { program }),
        Err(_) => Err(ProgramError::Deadline { program }),
    };
    let (stdout, stderr) = match read {
        Ok(output) => output,
        Err(error) => {
            process.end(Ending::Abandoned).await;
            return Err(error);
        }
    };
    let status = process.end(Ending::Closed).await;
    let status = status.ok_or_else(|| failed(io::ErrorKind::TimedOut.into()))?;
    Ok(Finished {
        status: status.code().ok_or_else(|| ProgramError::Signal {
            program,
            signal: status.signal().unwrap_or_default(),
        })?,
        stdout,
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

fn start(path: &Path, args: &[&OsStr]) -> io::Result<Process> {
    #[expect(clippy::disallowed_methods, reason = "programs are started here")]
    let mut command = Command::new(path);
    command
        .args(args)
        .env_clear()
        .env("LC_ALL", "C")
        .stderr(Stdio::piped());
    Process::start(command, Supervision::default())
}

/// Reads to the end, and fails as soon as there is more than `limit`.
async fn read_capped(
    pipe: Option<&mut (impl AsyncRead + Unpin)>,
    limit: usize,
    program: &'static str,
) -> Result<Vec<u8>, ProgramError> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let read = pipe.take(limit as u64 + 1).read_to_end(&mut bytes).await;
        read.map_err(|source| ProgramError::Start { program, source })?;
    }
    if bytes.len() > limit {
        return Err(ProgramError::TooMuchOutput { program, limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
