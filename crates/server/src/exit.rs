//! The exit codes, and how a command ends.

use std::process::ExitCode;

/// What was asked for was done: the service stopped in order, the probe passed, nothing is to be migrated.
pub(crate) const OK: u8 = 0;
/// It was not: the service could not start, the probe failed, a migration is missing.
pub(crate) const FAILED: u8 = 1;
/// The command line, a setting or the input is wrong. clap ends with the same code.
pub(crate) const USAGE: u8 = 2;
/// A probe or a scan could not be run at all, so that it says nothing about the storage.
pub(crate) const NOT_RUN: u8 = 3;
/// Ended by SIGINT, as shells count: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

/// The part of `--help` about the codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done: stopped in order, passed, nothing to migrate
  1    failed: could not start, did not pass, a migration is missing
  2    the command line, a setting or the input is wrong
  3    the probe or the scan could not be run
  130  interrupted (143: a second SIGTERM)";

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input is wrong; the text names every mistake.
    Usage(String),
    /// The command failed.
    Failed(anyhow::Error),
    /// A probe or a scan could not be run.
    NotRun(anyhow::Error),
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

impl Failure {
    /// The process's exit code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => USAGE,
            Self::Failed(_) => FAILED,
            Self::NotRun(_) => NOT_RUN,
            Self::Interrupted => INTERRUPTED,
        })
    }

    /// Returns the message for the user.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Usage(text) => text.clone(),
            // The whole chain in one line; the alternate form has no backtrace.
            Self::Failed(error) | Self::NotRun(error) => format!("{error:#}"),
            Self::Interrupted => "interrupted".to_owned(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}
