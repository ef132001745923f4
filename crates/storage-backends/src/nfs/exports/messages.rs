//! Messages of a server that lists no exports.

use std::fmt;

use storage_domain::Host;

use super::complaint::Complaint;
use super::rpcbind::Reached;
use crate::helper::program::ProgramError;
use crate::net::ConnectError;

/// Says why a server lists no exports; its `Display` is the sentence for users.
///
/// The export may exist even so, as on servers that speak only NFSv4.
#[derive(Debug, thiserror::Error)]
pub struct NoExportList {
    pub(super) server: Host,
    pub(super) cause: Cause,
}

impl NoExportList {
    #[cfg(test)]
    pub(in crate::nfs) fn no_mountd(server: Host, port: u16, error: ConnectError) -> Self {
        let cause = Cause::NoMountd(Some((port, error)));
        Self { server, cause }
    }

    /// Reports whether rpcbind or the mount daemon did not answer, or does not run.
    pub(in crate::nfs) fn is_unanswered(&self) -> bool {
        match &self.cause {
            Cause::NoRpcbind(_) | Cause::RpcbindSilent | Cause::NoMountd(_) | Cause::MountdSilent => true,
            Cause::Complaint(complaint) => complaint.is_silence(),
            Cause::Program(_) => false,
        }
    }
}

/// What kept the list from being read.
#[derive(Debug)]
pub(super) enum Cause {
    /// The port of rpcbind can't be connected to.
    NoRpcbind(ConnectError),
    /// rpcbind accepts connections and does not answer.
    RpcbindSilent,
    /// rpcbind answers, and the mount daemon can't be reached, at the TCP port that rpcbind names, if it names one.
    NoMountd(Option<(u16, ConnectError)>),
    /// The mount daemon accepts connections and does not answer.
    MountdSilent,
    /// showmount gave no answer.
    Program(ProgramError),
    /// showmount failed.
    Complaint(Complaint),
}

impl Cause {
    /// Decides what was wrong: what showmount says, unless it got no answer.
    pub(super) fn of_complaint(complaint: Complaint, reached: Reached) -> Self {
        match reached {
            _ if !complaint.is_silence() => Self::Complaint(complaint),
            Reached::NotMountd { port, error } => Self::NoMountd(Some((port, error))),
            Reached::Nothing => Self::RpcbindSilent,
            Reached::Rpcbind if !complaint.is_not_registered() => Self::NoMountd(None),
            Reached::Rpcbind | Reached::Mountd => Self::Complaint(complaint),
        }
    }

    /// Decides who did not answer in time.
    pub(super) fn of_deadline(reached: Reached) -> Self {
        match reached {
            Reached::Nothing => Self::RpcbindSilent,
            Reached::Rpcbind => Self::NoMountd(None),
            Reached::NotMountd { port, error } => Self::NoMountd(Some((port, error))),
            Reached::Mountd => Self::MountdSilent,
        }
    }
}

impl fmt::Display for NoExportList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, cause } = self;
        match cause {
            Cause::NoRpcbind(ConnectError::Refused { .. }) => write!(
                f,
                "{server} runs no rpcbind (port 111 is closed), as is usual for NFSv4-only servers, so it has no \
                 export list"
            ),
            Cause::NoRpcbind(ConnectError::Timeout { .. } | ConnectError::Unreachable { .. }) => write!(
                f,
                "{server} does not answer on port 111 (a firewall, or an NFSv4-only server), so its exports can't be \
                 listed"
            ),
            Cause::NoRpcbind(other) => {
                write!(
                    f,
                    "The exports of {server} can't be listed: {}",
                    other.sentence("server")
                )
            }
            Cause::RpcbindSilent => {
                write!(
                    f,
                    "rpcbind on {server} accepts connections, but does not answer. Restart it"
                )
            }
            Cause::NoMountd(port) => no_mountd(f, server, port.as_ref()),
            Cause::MountdSilent => write!(
                f,
                "The mount daemon of {server} accepts connections, but does not answer. Restart it"
            ),
            Cause::Program(error @ (ProgramError::TooMuchOutput { .. } | ProgramError::Signal { .. })) => {
                write!(f, "{server} sent an export list that can't be read ({error})")
            }
            Cause::Program(error) => {
                write!(f, "The exports can't be listed: {error}")?;
                match std::error::Error::source(error) {
                    Some(source) => write!(f, ": {source}"),
                    None => Ok(()),
                }
            }
            Cause::Complaint(complaint) => write!(f, "{}", complaint.message(server)),
        }
    }
}

fn no_mountd(f: &mut fmt::Formatter<'_>, server: &Host, port: Option<&(u16, ConnectError)>) -> fmt::Result {
    write!(f, "rpcbind on {server} answers, but the mount daemon ")?;
    let open = match port {
        Some((port, ConnectError::Refused { .. })) => {
            write!(f, "refuses connections on its port {port}: it has died, or")?;
            format!("port {port}")
        }
        Some((port, _)) => {
            write!(f, "does not answer on its port {port}: it has died, or")?;
            format!("port {port}")
        }
        None => {
            f.write_str("can't be reached: it has died, or")?;
            "its port".to_owned()
        }
    };
    write!(
        f,
        " a firewall opens only the ports 111 and 2049. Restart mountd, or open {open} for this host"
    )
}
