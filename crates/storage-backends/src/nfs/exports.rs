//! The export list of a server's mount daemon, as `showmount -e` prints it.

use std::ffi::OsStr;
use std::pin::pin;
use std::time::Duration;

use storage_domain::Host;

use crate::context::OpContext;
use crate::helper::program::{self, Finished, Program, ProgramError};
use crate::net::{Permitted, connect};
use crate::nfs::CONNECT_DEADLINE;

mod columns;
mod complaint;
mod list;
mod messages;
mod parse;
mod pseudo;
mod rpcbind;

use self::complaint::Complaint;
use self::messages::Cause;
use self::rpcbind::{Reached, find_mountd};
pub use list::{Export, ExportList};
pub use messages::NoExportList;
pub use parse::{MAX_LINES, parse};
pub(super) use pseudo::V4Path;

/// The port of rpcbind (RFC 1833), which knows where the mount daemon listens.
const RPCBIND_PORT: u16 = 111;
/// How long the server may take to list its exports.
pub const LIST_DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no export list.
#[derive(Debug, thiserror::Error)]
pub enum ExportsError {
    /// The server keeps none, does not answer as it should, or can't be asked from here.
    #[error(transparent)]
    NotAvailable(NoExportList),
    /// The operation was cancelled.
    #[error("asking for the export list was cancelled")]
    Cancelled,
}

/// Asks the server at `addr`, one of `server`'s addresses, for its exports.
///
/// Takes [`LIST_DEADLINE`] at most. The port of rpcbind is tried first, because showmount waits for minutes if nothing
/// answers there.
///
/// # Errors
/// [`ExportsError`].
/// # Cancel safety
/// Dropping the future kills showmount.
pub async fn list(cx: &OpContext, server: &Host, addr: &Permitted) -> Result<ExportList, ExportsError> {
    let cx = cx.step(LIST_DEADLINE);
    let failed = |cause| {
        let server = server.clone();
        ExportsError::NotAvailable(NoExportList { server, cause })
    };
    let at = [addr.with_port(RPCBIND_PORT)];
    let rpcbind = match cx.bound("connecting", connect(&at, CONNECT_DEADLINE)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(Cause::NoRpcbind(error))),
        Err(error) if error.is_cancelled() => return Err(ExportsError::Cancelled),
        Err(_) => return Err(failed(Cause::RpcbindSilent)),
    };
    let literal = addr.to_string();
    let args = ["--no-headers", "-e", "--", &literal].map(OsStr::new);
    let mut showmount = pin!(program::run(&cx, Program::Showmount, &args));
    let mut mountd = pin!(cx.bound("connecting", find_mountd(rpcbind, addr)));
    let (finished, reached) = tokio::select! {
        finished = &mut showmount => (finished, None),
        reached = &mut mountd => (showmount.await, Some(reached)),
    };
    let reached = async {
        let reached = match reached {
            Some(reached) => reached,
            None => mountd.await,
        };
        match reached {
            Err(error) if error.is_cancelled() => Err(ExportsError::Cancelled),
            reached => Ok(reached.unwrap_or(Reached::Nothing)),
        }
    };
    Err(match finished {
        Ok(Finished {
            status: 0, stdout, ..
        }) => return Ok(parse(&stdout)),
        Ok(Finished { stderr, .. }) => {
            let complaint = Complaint::parse(&stderr);
            failed(Cause::of_complaint(complaint, reached.await?))
        }
        Err(ProgramError::Cancelled { .. }) => ExportsError::Cancelled,
        Err(ProgramError::Deadline { .. }) => failed(Cause::of_deadline(reached.await?)),
        Err(error) => failed(Cause::Program(error)),
    })
}

#[cfg(test)]
mod tests;
