//! What showmount complains about, read from its text.
//!
//! Its exit status is 1 for every failure, and no option makes it say more or less (nfs-utils, `utils/showmount`). So
//! its standard error is parsed here, and nowhere else: the step, and the status of the RPC library (libtirpc,
//! `src/clnt_perror.c`), whose texts are those of 1988. The locale is C.

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
    /// The server does not accept the credentials (`auth_stat`).
    Denied,
    /// The server requires credentials that prove more (`AUTH_TOOWEAK`).
    TooWeak,
    VersionMismatch,
    Unavailable,
    /// One side does not understand the other (`GARBAGE_ARGS`, or an answer that can't be decoded).
    Malformed,
    /// The server has trouble of its own (`SYSTEM_ERR`).
    SystemError,
}

/// The texts of the RPC library, each the beginning of a status; the first that fits decides.
const STATUSES: [(&str, RpcStatus); 14] = [
    ("Program not registered", RpcStatus::NotRegistered),
    ("Timed out", RpcStatus::TimedOut),
    ("Unable to receive", RpcStatus::Disconnected),
    ("Unable to send", RpcStatus::Disconnected),
    (
        "Authentication error; why = Client credential too weak",
        RpcStatus::TooWeak,
    ),
    ("Authentication error", RpcStatus::Denied),
    ("Program/version mismatch", RpcStatus::VersionMismatch),
    ("Incompatible versions of RPC", RpcStatus::VersionMismatch),
    ("Program unavailable", RpcStatus::Unavailable),
    ("Procedure unavailable", RpcStatus::Unavailable),
    ("Can't decode result", RpcStatus::Malformed),
    ("Server can't decode arguments", RpcStatus::Malformed),
    ("Can't encode arguments", RpcStatus::Malformed),
    ("Remote system error", RpcStatus::SystemError),
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
        let mut lines = stderr.lines().map(str::trim);
        let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
        Self::rpc(line).unwrap_or_else(|| {
            let printable = line.chars().filter(|c| !c.is_control());
            Self::Unknown(printable.take(MAX_QUOTED).collect())
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

    /// Reports whether nobody answered.
    ///
    /// The step does not show it: over UDP, showmount connects to whatever port rpcbind names.
    pub(super) fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Rpc(
                _,
                RpcStatus::NotRegistered | RpcStatus::TimedOut | RpcStatus::Disconnected
            )
        )
    }

    pub(super) fn is_not_registered(&self) -> bool {
        matches!(self, Self::Rpc(_, RpcStatus::NotRegistered))
    }

    /// Returns the message for the server that was asked.
    pub(super) fn message(&self, server: &impl fmt::Display) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Self::Rpc(step, status) => write(f, *step, *status, server),
            Self::Unknown(text) if text.is_empty() => {
                write!(
                    f,
                    "Asking {server} for its exports failed, and showmount does not say why"
                )
            }
            Self::Unknown(text) => write!(f, "Asking {server} for its exports failed: {text}"),
        })
    }
}

fn write(
    f: &mut fmt::Formatter<'_>,
    step: Step,
    status: RpcStatus,
    server: &impl fmt::Display,
) -> fmt::Result {
    match (status, step) {
        (RpcStatus::NotRegistered, _) => write!(
            f,
            "{server} runs no mount daemon, as is usual for NFSv4-only servers, so it has no export list"
        ),
        (RpcStatus::TimedOut | RpcStatus::Disconnected, Step::Export) => {
            write!(f, "The mount daemon of {server} does not answer. Restart it")
        }
        (RpcStatus::TimedOut | RpcStatus::Disconnected, Step::Connect) => {
            write!(
                f,
                "rpcbind or the mount daemon of {server} does not answer. Restart them"
            )
        }
        (RpcStatus::Denied, _) => write!(
            f,
            "The mount daemon of {server} refuses to list its exports for this host. Allow this host there"
        ),
        (RpcStatus::TooWeak, _) => write!(
            f,
            "The mount daemon of {server} lists its exports only for requests that prove who sends them. Allow requests \
             without a privileged port or Kerberos there"
        ),
        (RpcStatus::VersionMismatch, _) => write!(
            f,
            "The mount daemon of {server} supports none of the protocol versions that this host does. Switch NFS \
             version 3 on there"
        ),
        (RpcStatus::Unavailable, _) => write!(
            f,
            "The mount daemon of {server} does not list exports, so that they can't be checked before the mount"
        ),
        (RpcStatus::Malformed, _) => write!(
            f,
            "The mount daemon of {server} and this host do not understand each other, so its export list can't be read"
        ),
        (RpcStatus::SystemError, _) => write!(
            f,
            "The mount daemon of {server} reports an error of its own system. Check its log"
        ),
    }
}
