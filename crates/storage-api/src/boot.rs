//! Boot files over plain HTTP, for firmware and boot loaders: GET and HEAD of `/b/{backend}/{path}` and `/s/{token}/{path}`.
//!
//! These clients want more than the standard asks for: title-case header names, a length in every answer, no redirect, and no
//! answer that begins and then stalls. So the few lines of HTTP that they speak are here; `docs/boot.md` lists who needs what.

mod answer;
mod cache;
mod connection;
mod fetch;
mod head;
mod known;
mod origin;
mod splice;
mod target;

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::ready;
use storage_domain::net::Network;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use self::cache::Cache;
pub use self::cache::{CacheError, CacheSettings, Pin};
use self::connection::Connection;
use self::known::Backends;
use crate::access::Access;
use crate::service::App;

/// Serves boot files.
#[derive(Debug)]
pub struct Boot {
    app: Arc<App>,
    access: Arc<Access>,
    backends: Backends,
    networks: Vec<Network>,
    cache: Option<Arc<Cache>>,
}

impl Boot {
    /// Serves the files of backends with a `boot_path`, to clients in these networks and by signed links.
    pub fn new(app: Arc<App>, access: Arc<Access>, networks: Vec<Network>) -> Arc<Self> {
        Self::build(app, access, networks, None)
    }

    /// The same, with files on local disk.
    ///
    /// # Errors
    /// The directory can't be used.
    pub fn with_cache(
        app: Arc<App>,
        access: Arc<Access>,
        networks: Vec<Network>,
        settings: CacheSettings,
    ) -> Result<Arc<Self>, CacheError> {
        let cache = Cache::open(Arc::clone(&app) as _, settings)?;
        let weak = Arc::downgrade(&cache);
        app.on_change(Box::new(move |id, path| match weak.upgrade() {
            Some(cache) => cache.forget(id, path),
            None => ready(()).boxed(),
        }));
        Ok(Self::build(app, access, networks, Some(cache)))
    }

    fn build(
        app: Arc<App>,
        access: Arc<Access>,
        networks: Vec<Network>,
        cache: Option<Arc<Cache>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            backends: Backends::new(Arc::clone(&app)),
            app,
            access,
            networks,
            cache,
        })
    }

    /// Ends the work of the cache, after the last connection.
    pub async fn close(&self) {
        if let Some(cache) = &self.cache {
            cache.close().await;
        }
    }

    /// Serves one connection, until its client ends it or is silent for too long. After `stop` it ends with the answer under
    /// way.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, client: IpAddr, stop: CancellationToken) {
        Connection::new(self, stream, client.to_canonical(), stop)
            .run()
            .await;
    }

    /// Returns whether this client needs no token.
    fn trusts(&self, client: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(client))
    }
}
