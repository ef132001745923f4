//! The export list of a server's mount daemon, as `showmount -e` prints it.

use std::ffi::OsStr;
use std::time::Duration;

use storage_domain::Host;

use crate::context::OpContext;
use crate::helper::program::{self, Finished, Program, ProgramError};
use crate::net::{Permitted, connect};
use crate::nfs::CONNECT_DEADLINE;

mod complaint;
mod list;
mod messages;
mod parse;

use self::complaint::Complaint;
use self::messages::Cause;
pub use list::{Export, ExportList};
pub use messages::NoExportList;
pub use parse::{MAX_LINES, parse};

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
    let rpcbind = [addr.with_port(RPCBIND_PORT)];
    match cx.bound("connecting", connect(&rpcbind, CONNECT_DEADLINE)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(failed(Cause::Rpcbind(error))),
        Err(error) if error.is_cancelled() => return Err(ExportsError::Cancelled),
        Err(_) => return Err(failed(Cause::Late)),
    }
    let addr = addr.to_string();
    let args = ["--no-headers", "-e", "--", &addr].map(OsStr::new);
    match program::run(&cx, Program::Showmount, &args).await {
        Ok(Finished {
            status: 0, stdout, ..
        }) => Ok(parse(&stdout)),
        Ok(Finished { stderr, .. }) => Err(failed(Cause::Complaint(Complaint::parse(&stderr)))),
        Err(ProgramError::Cancelled { .. }) => Err(ExportsError::Cancelled),
        Err(error) => Err(failed(Cause::Program(error))),
    }
}

#[cfg(test)]
mod tests;
