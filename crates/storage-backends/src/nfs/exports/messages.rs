//! Messages of a server that lists no exports.

use std::fmt;

use storage_domain::Host;

use super::complaint::{self, Complaint};
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

/// What kept the list from being read.
#[derive(Debug)]
pub(super) enum Cause {
    /// Nothing can be asked on the port of rpcbind.
    Rpcbind(ConnectError),
    /// The time was over.
    Late,
    /// showmount gave no answer.
    Program(ProgramError),
    /// showmount failed.
    Complaint(Complaint),
}

impl fmt::Display for NoExportList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, cause } = self;
        match cause {
            Cause::Rpcbind(ConnectError::Refused { .. }) => write!(
                f,
                "{server} runs no rpcbind (port 111 is closed), as is usual for NFSv4-only servers, so it has no \
                 export list"
            ),
            Cause::Rpcbind(ConnectError::Timeout { .. } | ConnectError::Unreachable { .. }) => write!(
                f,
                "{server} does not answer on port 111 (a firewall, or an NFSv4-only server), so its exports can't be \
                 listed"
            ),
            Cause::Rpcbind(other) => write!(
                f,
                "The exports of {server} can't be listed: {}",
                other.sentence("server")
            ),
            Cause::Late | Cause::Program(ProgramError::Deadline { .. }) => write!(
                f,
                "{server} did not answer the request for its exports in time. Check its mount daemon"
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
            Cause::Complaint(complaint) => complaint::write(f, complaint, server),
        }
    }
}
