//! The export list of a server's mount daemon, as `showmount -e` prints it.

use std::ffi::OsStr;
use std::time::Duration;

use storage_domain::Host;

use crate::context::OpContext;
use crate::helper::program::{self, Finished, Program, ProgramError};
use crate::net::{Permitted, connect};
use crate::nfs::CONNECT_DEADLINE;

mod list;
mod parse;
mod words;

pub use list::{Export, ExportList};
pub use parse::{MAX_LINES, parse};

/// The port of rpcbind (RFC 1833), which knows where the mount daemon listens.
const RPCBIND_PORT: u16 = 111;
/// How long the server may take to list its exports.
pub const LIST_DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no export list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportsError {
    /// The server keeps none that could be asked for, as servers that speak only NFSv4 do, or there is nothing here to
    /// ask with. The export may be there all the same: the mount decides.
    #[error("{reason}")]
    NotAvailable {
        /// Why, in one plain sentence.
        reason: String,
    },
    /// The server was asked and did not answer as it should.
    #[error("{reason}")]
    Failed {
        /// Why and what to do, in one plain sentence.
        reason: String,
    },
    /// The operation was cancelled.
    #[error("asking for the export list was cancelled")]
    Cancelled,
}

/// Asks the server at `addr`, one of `server`'s addresses, for its exports.
///
/// Takes [`LIST_DEADLINE`] at the most. The port of rpcbind is tried first, since showmount waits for minutes where
/// nothing answers there.
///
/// # Errors
/// [`ExportsError`].
/// # Cancel safety
/// Dropping the future kills showmount.
pub async fn list(cx: &OpContext, server: &Host, addr: &Permitted) -> Result<ExportList, ExportsError> {
    let cx = cx.step(LIST_DEADLINE);
    let rpcbind = [addr.with_port(RPCBIND_PORT)];
    match cx.bound("connecting", connect(&rpcbind, CONNECT_DEADLINE)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(words::no_rpcbind(server, &error)),
        Err(error) if error.is_cancelled() => return Err(ExportsError::Cancelled),
        Err(_) => return Err(words::late(server)),
    }
    let addr = addr.to_string();
    let args = ["--no-headers", "-e", "--", &addr].map(OsStr::new);
    let finished = program::run(&cx, Program::Showmount, &args).await;
    match finished {
        Ok(Finished {
            status: 0, stdout, ..
        }) => Ok(parse(&stdout)),
        Ok(Finished { status, stderr, .. }) => Err(words::complaint(server, status, &stderr)),
        Err(ProgramError::Cancelled { .. }) => Err(ExportsError::Cancelled),
        Err(error) => Err(words::broken(server, &error)),
    }
}

#[cfg(test)]
mod tests;
