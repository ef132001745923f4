//! The server that a service runs on, and how it is spoken to.

use std::sync::Arc;

use rustls::ClientConfig;
use storage_domain::BaseUrl;
use storage_domain::http::CaBundle;
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::context::OpContext;
use crate::error::Error;
use crate::http::Limits;
use crate::http::auth::Credentials;
use crate::http::client::Client;
use crate::http::failure::Failure;
use crate::http::pool::{First, pool};
use crate::http::reach::Reach;
use crate::net::{Network, tls};

/// The server that a service runs on.
pub(crate) struct Server {
    /// Where it is.
    pub(crate) endpoint: BaseUrl,
    /// Whether its certificate is verified.
    pub(crate) verified: bool,
    /// Speaks to it, without credentials: signatures are all that is ever sent.
    pub(crate) client: Client,
    tls: Arc<ClientConfig>,
    network: Network,
}

impl Server {
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub(crate) fn new(
        endpoint: &BaseUrl,
        verified: bool,
        authorities: Option<&CaBundle>,
        network: Network,
        limits: Limits,
    ) -> Result<Self, Error> {
        let tls = tls::client_config(verified, authorities)?;
        let pool = pool(&network, &tls, &limits, First::default());
        Ok(Self {
            client: Client::new(endpoint.as_url(), Credentials::None, pool, limits),
            endpoint: endpoint.clone(),
            verified,
            tls,
            network,
        })
    }

    /// Waits until not too many others probe the server.
    ///
    /// # Errors
    /// [`Error::Deadline`] and [`Error::Cancelled`].
    pub(crate) async fn probe_permit(&self, cx: &OpContext) -> Result<OwnedSemaphorePermit, Error> {
        let server = self.endpoint.as_url().origin().ascii_serialization();
        self.network.probe_permit(server, cx).await
    }

    /// The way to where a URL leads.
    ///
    /// # Errors
    /// [`Failure::BadUrl`].
    pub(crate) fn reach(&self, url: &Url) -> Result<Reach, Failure> {
        Reach::new(url, &self.tls, self.client.limits(), &self.network)
    }
}
