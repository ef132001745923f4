//! What showmount complains about, read from its text.
//!
//! Its exit status is 1 for every failure, and no option makes it say more or less (nfs-utils, `utils/showmount`). So
//! its standard error is parsed here, and nowhere else: the step, and the status of the RPC library (libtirpc,
//! `src/clnt_perror.c`), whose words have not changed since Sun's. The locale is C.

use std::fmt;

/// How much of an unknown complaint is quoted, in characters.
const MAX_QUOTED: usize = 200;

/// The step of showmount that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Asking rpcbind for the port of the mount daemon, and connecting to it.
    Connect,
    /// Asking the mount daemon for its exports.
    Export,
}

/// The status of a remote procedure call (RFC 5531, section 9, and the RPC library's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RpcStatus {
    NotRegistered,
    TimedOut,
    Disconnected,
    Refused,
    VersionMismatch,
    Malformed,
}

/// The words of the RPC library for a status.
const STATUSES: [(&str, RpcStatus); 7] = [
    ("Program not registered", RpcStatus::NotRegistered),
    ("Timed out", RpcStatus::TimedOut),
    ("Unable to receive", RpcStatus::Disconnected),
    ("Unable to send", RpcStatus::Disconnected),
    ("Authentication error", RpcStatus::Refused),
    ("Program/version mismatch", RpcStatus::VersionMismatch),
    ("Can't decode result", RpcStatus::Malformed),
];

/// A complaint of showmount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Complaint {
    /// A call failed.
    Rpc(Step, RpcStatus),
    /// Other text, of which the first line is kept without control characters.
    Unknown(String),
}

impl Complaint {
    /// Reads the standard error of a showmount that failed.
    pub(super) fn parse(stderr: &str) -> Self {
        let line = stderr
            .lines()
            .map(str::trim)
            .find(|l| !l.is_empty())
            .unwrap_or_default();
        Self::rpc(line).unwrap_or_else(|| {
            Self::Unknown(
                line.chars()
                    .filter(|c| !c.is_control())
                    .take(MAX_QUOTED)
                    .collect(),
            )
        })
    }

    /// Reads a line such as `clnt_create: RPC: Timed out`.
    fn rpc(line: &str) -> Option<Self> {
        let (step, status) = line.split_once(": RPC: ")?;
        let step = match step {
            "clnt_create" => Step::Connect,
            "rpc mount export" => Step::Export,
            _ => return None,
        };
        let (_, status) = STATUSES.iter().find(|(text, _)| status.starts_with(text))?;
        Some(Self::Rpc(step, *status))
    }
}

/// Writes what a user can do about it; `server` is the server that was asked.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    complaint: &Complaint,
    server: &impl fmt::Display,
) -> fmt::Result {
    match complaint {
        Complaint::Rpc(_, RpcStatus::NotRegistered) => write!(
            f,
            "{server} runs no mount daemon, as is usual for NFSv4-only servers, so it has no export list"
        ),
        Complaint::Rpc(Step::Export, RpcStatus::TimedOut) => {
            write!(f, "The mount daemon of {server} does not answer. Restart it")
        }
        Complaint::Rpc(Step::Connect, RpcStatus::TimedOut) => {
            write!(
                f,
                "rpcbind on {server} accepts connections, but does not answer. Restart it"
            )
        }
        Complaint::Rpc(_, RpcStatus::Disconnected) => write!(
            f,
            "{server} closed the connection to its rpcbind, so its exports can't be listed"
        ),
        Complaint::Rpc(_, RpcStatus::Refused) => write!(
            f,
            "The mount daemon of {server} refuses to list its exports for this host. Allow this host there"
        ),
        Complaint::Rpc(_, RpcStatus::VersionMismatch) => write!(
            f,
            "The mount daemon of {server} supports none of the protocol versions that this host does"
        ),
        Complaint::Rpc(_, RpcStatus::Malformed) => {
            write!(
                f,
                "The mount daemon of {server} sent an export list that can't be read"
            )
        }
        Complaint::Unknown(text) if text.is_empty() => {
            write!(
                f,
                "Asking {server} for its exports failed, and showmount does not say why"
            )
        }
        Complaint::Unknown(text) => write!(f, "Asking {server} for its exports failed: {text}"),
    }
}
