//! Discovery of a portal that is not registered.

use storage_domain::IscsiTarget;
use storage_domain::iscsi::{InitiatorName, Portal};

use super::Limits;
use super::portal::Client;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::net::Network;

/// Lists the targets that a portal offers without credentials, without their logical units.
///
/// # Errors
/// [`ErrorKind::Server`], [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`].
/// # Cancel safety
/// The discovery session logs out in the background.
pub async fn discover(
    portal: &Portal,
    name: &InitiatorName,
    limits: &Limits,
    network: &Network,
    cx: &OpContext,
) -> Result<Vec<IscsiTarget>, Error> {
    let client = Client::new(name, limits, network);
    let discovery = async {
        let connection = client.dial(portal).await?;
        client.discover(connection, None).await
    };
    let discovered = cx.step(limits.probe).bound("the discovery", discovery).await?;
    discovered.map_err(|failure| Error::new(ErrorKind::Server, "the discovery").with_source(failure))
}
