//! What the backends of one host share of the network: names that are known beforehand, and the connections of probes.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustls::ClientConfig;
use storage_domain::http::CaBundle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};

use crate::context::OpContext;
use crate::egress::{Egress, Permitted};
use crate::error::Error;
use crate::http::dial;
use crate::http::failure::Failure;
use crate::http::limits::Limits;
use crate::http::reach::{Origin, Reach};

/// How many probes of one server run at once; the others wait for their turn.
pub const PROBES_AT_ONCE: usize = 8;

/// The network as backends see it. Clones share what they know: give all backends of a service the same one.
///
/// Probes of one server that are asked for at the same time share their connections, as far as no probe stands on one
/// that was made before it was asked for. Nothing outlives the last of them.
#[derive(Debug, Clone, Default)]
pub struct Network {
    egress: Egress,
    shared: Arc<Shared>,
}

/// Tells the addresses of a name; `None` where name servers are to be asked.
type Names = dyn Fn(&str) -> Option<Vec<SocketAddr>> + Send + Sync;

#[derive(Default)]
struct Shared {
    names: Option<Box<Names>>,
    sites: Mutex<HashMap<Origin, Weak<Site>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// A server, as long as somebody probes it.
#[derive(Debug)]
struct Site {
    turns: Arc<Semaphore>,
    reaches: Mutex<HashMap<Manner, Arc<Reach>>>,
}

/// In what manner a server is reached: whoever agrees in all of it may share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Manner {
    origin: Origin,
    trust: Trust,
    limits: Limits,
}

/// Which certificates are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Trust {
    pub(crate) verified: bool,
    pub(crate) authorities: Option<String>,
}

impl Trust {
    /// The trust that a config puts into servers.
    pub(crate) fn of(verified: bool, authorities: Option<&CaBundle>) -> Self {
        Self {
            verified,
            authorities: authorities.map(ToString::to_string),
        }
    }
}

/// The right of one probe to use a server.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    network: &'a Network,
    site: Arc<Site>,
    asked: tokio::time::Instant,
    _permit: OwnedSemaphorePermit,
}

impl Network {
    /// A network in which hosts of these names are reached at these addresses, whatever port a URL says; one without
    /// an address does not exist. Name servers are asked for the others.
    pub fn with_places(places: impl IntoIterator<Item = (String, Vec<SocketAddr>)>) -> Self {
        let places = places
            .into_iter()
            .map(|(name, addrs)| (name.to_lowercase(), addrs));
        let places: HashMap<String, Vec<SocketAddr>> = places.collect();
        Self::with_names(move |name| places.get(name).cloned())
    }

    /// A network in which `names` is asked for the addresses of a name, at every look-up anew; one without an address
    /// does not exist. Name servers are asked where it has no answer.
    pub fn with_names(names: impl Fn(&str) -> Option<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        Self {
            egress: Egress::default(),
            shared: Arc::new(Shared {
                names: Some(Box::new(names)),
                sites: Mutex::default(),
            }),
        }
    }

    /// The same network, in which only what `egress` allows is connected to.
    #[must_use]
    pub fn guarded(self, egress: Egress) -> Self {
        Self { egress, ..self }
    }

    /// What may be connected to.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// The addresses of a host that may be connected to.
    ///
    /// # Errors
    /// [`Failure::NameUnknown`], [`Failure::NameTimeout`] and [`Failure::Denied`].
    pub(crate) async fn resolve(
        &self,
        host: &Host<String>,
        port: u16,
        limit: Duration,
    ) -> Result<Vec<Permitted>, Failure> {
        let known = match (host, &self.shared.names) {
            (Host::Domain(name), Some(names)) => names(name).map(|addrs| (name, addrs)),
            _ => None,
        };
        match known {
            Some((name, addrs)) if addrs.is_empty() => Err(Failure::NameUnknown { host: name.clone() }),
            Some((name, addrs)) => Ok(self.egress.permit(name, addrs)?),
            None => dial::resolve(host, port, limit, &self.egress).await,
        }
    }

    /// Waits until not too many others probe the server.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Timeout`] and [`crate::ErrorKind::Cancelled`].
    pub(crate) async fn turn(&self, server: &Url, cx: &OpContext) -> Result<Turn<'_>, Error> {
        let site = self.site(Origin::of(server));
        let turns = Arc::clone(&site.turns).acquire_owned();
        let permit = cx.bound("waiting for other probes of this server", turns).await?;
        // Nobody closes it.
        let permit = permit.map_err(|_| Error::cancelled("the probe"))?;
        Ok(Turn {
            network: self,
            site,
            asked: cx.begun(),
            _permit: permit,
        })
    }

    fn site(&self, server: Origin) -> Arc<Site> {
        let mut sites = self.shared.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = sites.get(&server).and_then(Weak::upgrade) {
            return site;
        }
        sites.retain(|_, site| site.strong_count() > 0);
        let site = Arc::new(Site {
            turns: Arc::new(Semaphore::new(PROBES_AT_ONCE)),
            reaches: Mutex::default(),
        });
        sites.insert(server, Arc::downgrade(&site));
        site
    }
}

impl Turn<'_> {
    /// The way to where a URL leads: that of another probe, where it is no older than the question of this one.
    ///
    /// # Errors
    /// [`Failure::BadUrl`].
    pub(crate) fn reach(
        &self,
        url: &Url,
        trust: &Trust,
        tls: &Arc<ClientConfig>,
        limits: &Limits,
    ) -> Result<Arc<Reach>, Failure> {
        let manner = Manner {
            origin: Origin::of(url),
            trust: trust.clone(),
            limits: limits.clone(),
        };
        let mut reaches = self.site.reaches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = reaches.get(&manner).filter(|reach| reach.serves(self.asked)) {
            return Ok(Arc::clone(reach));
        }
        let reach = Arc::new(Reach::new(url, tls, limits, self.network)?);
        reaches.insert(manner, Arc::clone(&reach));
        Ok(reach)
    }
}
