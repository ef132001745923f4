//! The exports of a server that is not registered yet.

use storage_domain::Host;

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::net::Network;
use crate::nfs::RESOLVE_DEADLINE;
use crate::nfs::exports::{self, ExportList, ExportsError};

/// Asks a server for its exports: the first of its addresses that lists them.
///
/// # Errors
/// [`ErrorKind::NotListable`] if it does not list them, [`ErrorKind::Timeout`] and
/// [`ErrorKind::Cancelled`].
/// # Cancel safety
/// Dropping the future kills showmount.
pub async fn exports_of(server: &Host, network: &Network, cx: &OpContext) -> Result<ExportList, Error> {
    cx.bound("asking for the exports", ask(server, network, cx))
        .await?
}

async fn ask(server: &Host, network: &Network, cx: &OpContext) -> Result<ExportList, Error> {
    let addrs = network
        .resolve(server.addr(), 0, RESOLVE_DEADLINE)
        .await
        .map_err(|error| not_listable(error.sentence("server").to_string()))?;
    let mut first = None;
    for addr in &addrs {
        match exports::list(cx, server, addr).await {
            Ok(list) => return Ok(list),
            Err(ExportsError::Cancelled) => return Err(Error::cancelled("asking for the exports")),
            Err(ExportsError::NotAvailable(why)) => first = first.or(Some(why)),
        }
    }
    Err(match first {
        Some(why) => not_listable(why),
        None => not_listable(format!("{server} has no address")),
    })
}

fn not_listable(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::NotListable, "the listing").with_source(reason)
}
