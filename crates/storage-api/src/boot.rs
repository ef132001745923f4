//! Boot files over plain HTTP, for firmware and boot loaders: GET and HEAD of `/b/{backend}/{path}` and `/s/{token}/{path}`.
//!
//! These clients want more than the standard asks for: title-case header names, a length in every answer, no redirect, and no
//! answer that begins and then stalls. So the few lines of HTTP that they speak are here; `docs/boot.md` lists who needs what.

mod answer;
mod cache;
mod check;
mod connection;
mod fetch;
mod head;
mod known;
mod origin;
mod stats;
mod target;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use futures_util::future::ready;
use storage_domain::net::Network;
use storage_domain::{BackendId, BackendName};
use storage_persistence::StoreError;
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use self::cache::Cache;
pub use self::cache::{CacheError, CacheSettings, Pin};
pub(crate) use self::check::{Checked, Client, Outcome, Verdict};
use self::connection::Connection;
use self::known::Backends;
use self::stats::Stats;
pub(crate) use self::stats::{Counts, Traffic};
use crate::access::Access;
use crate::service::{App, AppError};

/// Backends by their names.
pub(crate) type Names = Vec<(BackendId, BackendName)>;

/// Serves boot files.
#[derive(Debug, Clone)]
pub struct Boot {
    app: Arc<App>,
    access: Arc<Access>,
    backends: Arc<Backends>,
    networks: Vec<Network>,
    cache: Option<Arc<Cache>>,
    /// Where machines reach it; none if there is no listener.
    addresses: Vec<SocketAddr>,
    audience: Audience,
}

/// The clients that are served.
#[derive(Debug, Clone)]
enum Audience {
    /// Machines, whose requests are counted and logged.
    Machines(Arc<Stats>),
    /// A check of a file, which learns why its first request was refused, if one was.
    Check(Arc<OnceLock<String>>),
}

impl Boot {
    /// Serves the files of backends with a `boot_path`, to clients in these networks and by signed links. The addresses are those
    /// that a listener has, if there is one.
    pub fn new(
        app: Arc<App>,
        access: Arc<Access>,
        networks: Vec<Network>,
        addresses: Vec<SocketAddr>,
    ) -> Arc<Self> {
        Self::build(app, access, networks, addresses, None)
    }

    /// The same, with files on local disk.
    ///
    /// # Errors
    /// The directory can't be used.
    pub fn with_cache(
        app: Arc<App>,
        access: Arc<Access>,
        networks: Vec<Network>,
        addresses: Vec<SocketAddr>,
        settings: CacheSettings,
    ) -> Result<Arc<Self>, CacheError> {
        let cache = Cache::open(Arc::clone(&app) as _, settings)?;
        let weak = Arc::downgrade(&cache);
        app.on_change(Box::new(move |id, path| match weak.upgrade() {
            Some(cache) => cache.forget(id, path),
            None => ready(()).boxed(),
        }));
        Ok(Self::build(app, access, networks, addresses, Some(cache)))
    }

    fn build(
        app: Arc<App>,
        access: Arc<Access>,
        networks: Vec<Network>,
        addresses: Vec<SocketAddr>,
        cache: Option<Arc<Cache>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            backends: Arc::new(Backends::new(Arc::clone(&app))),
            app,
            access,
            networks,
            cache,
            addresses,
            audience: Audience::Machines(Arc::new(Stats::new())),
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
        let audience = self.audience.clone();
        let _counted = match &audience {
            Audience::Machines(stats) => Some(stats.connected()),
            Audience::Check(_) => None,
        };
        Connection::new(self, stream, client.to_canonical(), stop)
            .run()
            .await;
    }

    /// Returns what machines have fetched: since when, the totals, and the names of the backends, those that are gone left out.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub(crate) async fn fetched(&self) -> Result<(OffsetDateTime, Counts, Names), AppError> {
        let Audience::Machines(stats) = &self.audience else {
            return Ok((OffsetDateTime::now_utc(), Counts::default(), Names::new()));
        };
        let (since, counts) = stats.read();
        let mut names = Names::new();
        for id in counts.backends.keys() {
            match self.app.get(*id).await {
                Ok(backend) => names.push((*id, backend.name)),
                Err(AppError::Store(error)) if matches!(*error, StoreError::NotFound) => stats.forget(*id),
                Err(AppError::Store(error)) if matches!(*error, StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((since, counts, names))
    }

    /// Returns whether this client needs no token.
    fn trusts(&self, client: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(client))
    }
}
