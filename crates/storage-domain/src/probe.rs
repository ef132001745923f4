//! The result of a probe.

use std::time::Duration;

use serde::Serialize;

use crate::capacity::Capacity;
use crate::luns::IscsiTarget;

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Passed,
    /// It does not work; the check's detail says what to do.
    Failed,
    /// It was not checked; the check's detail says why.
    Skipped,
}

/// One step of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The step's stable name, such as `resolve`.
    pub name: &'static str,
    /// Its outcome.
    pub outcome: Outcome,
    /// One plain sentence that a person can act on, without a secret.
    pub detail: String,
    /// How long the step took.
    pub duration: Duration,
}

/// A backend's mount, from the kernel's mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountInForce {
    /// The source, such as `10.0.0.5:/srv/images`.
    pub source: String,
    /// The version of the protocol, such as `4.1`.
    pub version: Option<String>,
    /// Whether the mount may be written to.
    pub read_write: bool,
    /// The options in force, those of the mount and those of its file system.
    pub options: Vec<String>,
    /// How long the kernel waits for the server before a call fails; `None` if it has no limit.
    pub gives_up_after: Option<Duration>,
}

/// Identifies what a probe found. Two reports with the same id say the same, figures such as sizes aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindingId(pub i64);

impl FindingId {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    /// Returns the id of a check and its finding, written without figures.
    ///
    /// FNV-1a with 64 bits: the same on every architecture and in every release, because replicas share what is stored.
    pub fn of(check: &str, finding: &str) -> Self {
        let bytes = check.bytes().chain([0]).chain(finding.bytes());
        let hash = bytes.fold(Self::OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(Self::PRIME)
        });
        Self(hash.cast_signed())
    }
}

/// The checks of one probe, in the order in which they ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// The steps.
    pub checks: Vec<Check>,
    /// The storage's capacity, if the probe could read it.
    pub capacity: Option<Capacity>,
    /// The targets that the probe found, if the storage has targets.
    pub targets: Option<Vec<IscsiTarget>>,
    /// The backend's mount, if it is mounted.
    pub mount: Option<MountInForce>,
    /// Warnings about what the config allows, one sentence each.
    pub warnings: Vec<String>,
    /// One sentence that sums up a probe without a failure.
    pub summary: String,
    /// Identity of the first failure, or of the summary if nothing failed.
    pub finding: FindingId,
    /// How long the probe took.
    pub duration: Duration,
}

impl ProbeReport {
    /// Returns whether no check failed.
    pub fn passed(&self) -> bool {
        self.first_failure().is_none()
    }

    /// Returns the first check that failed.
    pub fn first_failure(&self) -> Option<&Check> {
        self.checks.iter().find(|c| c.outcome == Outcome::Failed)
    }

    /// Returns the detail of the first failure, or the summary if nothing failed.
    pub fn message(&self) -> &str {
        self.first_failure()
            .map_or(self.summary.as_str(), |c| c.detail.as_str())
    }
}
