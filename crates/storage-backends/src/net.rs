//! Looks names up and makes connections, to permitted addresses only.
//!
//! [`Network::resolve`] is the only function that makes a [`Permitted`] address, and [`connect()`] takes nothing else:
//! every connection, that to a redirect's target included, goes through the rules of [`Egress`].

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::context::OpContext;
use crate::error::Error;
#[cfg(feature = "web")]
use crate::scan::TimeSlices;

mod connect;
mod egress;
mod error;
mod resolve;
#[cfg(feature = "web")]
pub(crate) mod tls;

pub use connect::connect;
pub use egress::{Denied, Egress, Permitted};
pub use error::ConnectError;
pub use resolve::NameError;
pub(crate) use resolve::host_of;

/// How many probes of one server run at once; further ones wait.
pub const PROBES_PER_SERVER: usize = 8;

/// How many large bodies are in memory at once, of all servers together; further ones wait.
#[cfg(feature = "web")]
const LARGE_BODIES: usize = 2;

/// How many downloads read large pieces at once, of all servers together; further ones read small ones.
#[cfg(feature = "web")]
const LARGE_PIECES: usize = 8;

/// How many pieces of [`UPLOAD_PIECE`] bytes uploads hold in memory, of all servers together; further ones wait.
#[cfg(feature = "web")]
const UPLOAD_PIECES: usize = 24;
/// Bytes of memory that one permit of [`Network::upload_memory`] stands for.
#[cfg(feature = "web")]
pub(crate) const UPLOAD_PIECE: usize = 8 * 1024 * 1024;

/// Answers for the addresses of a name; `None` sends the question to the system's resolver.
type Names = dyn Fn(&str) -> Option<Result<Vec<SocketAddr>, NameError>> + Send + Sync;

/// The network as backends see it: names, permitted addresses, and what is bounded for all backends together.
///
/// Clones share the bounds: give all backends of a service the same one.
#[derive(Clone, Default)]
pub struct Network {
    egress: Egress,
    names: Option<Arc<Names>>,
    servers: Arc<Mutex<HashMap<String, Weak<Semaphore>>>>,
    #[cfg(feature = "web")]
    large_bodies: Permits<LARGE_BODIES>,
    #[cfg(feature = "web")]
    large_pieces: Permits<LARGE_PIECES>,
    #[cfg(feature = "web")]
    upload_memory: Permits<UPLOAD_PIECES>,
    #[cfg(feature = "web")]
    count_slices: Arc<TimeSlices>,
}

/// So many permits for what takes much memory.
#[cfg(feature = "web")]
#[derive(Clone)]
struct Permits<const N: usize>(Arc<Semaphore>);

#[cfg(feature = "web")]
impl<const N: usize> Default for Permits<N> {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(N)))
    }
}

impl Network {
    /// Creates a network with fixed addresses for these names, whatever port a URL has.
    ///
    /// A name without an address does not exist. The system's resolver is asked for all others.
    pub fn with_places(places: impl IntoIterator<Item = (String, Vec<SocketAddr>)>) -> Self {
        let places = places
            .into_iter()
            .map(|(name, addrs)| (name.to_lowercase(), addrs));
        let places: HashMap<String, Vec<SocketAddr>> = places.collect();
        Self::with_names(move |name| places.get(name).cloned().map(Ok))
    }

    /// Creates a network that asks `names` at every look-up, and the system's resolver if that has no answer.
    pub fn with_names(
        names: impl Fn(&str) -> Option<Result<Vec<SocketAddr>, NameError>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            names: Some(Arc::new(names)),
            ..Self::default()
        }
    }

    /// Returns the same network, with these rules for addresses.
    #[must_use]
    pub fn guarded(self, egress: Egress) -> Self {
        Self { egress, ..self }
    }

    /// Reports whether an address may be connected to.
    pub(crate) fn allows(&self, addr: std::net::IpAddr) -> bool {
        self.egress.allows(addr)
    }

    /// Waits until fewer than [`PROBES_PER_SERVER`] others probe the server.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Timeout`] and [`crate::ErrorKind::Cancelled`].
    pub(crate) async fn probe_permit(
        &self,
        server: String,
        cx: &OpContext,
    ) -> Result<OwnedSemaphorePermit, Error> {
        let permits = self.permits_of(server).acquire_owned();
        let permit = cx
            .bound("waiting for other probes of this server", permits)
            .await?;
        // The semaphore is never closed.
        permit.map_err(|_| Error::cancelled("the probe"))
    }

    /// Returns the permits for large bodies.
    #[cfg(feature = "web")]
    pub(crate) fn large_bodies(&self) -> &Semaphore {
        &self.large_bodies.0
    }

    /// Returns the permits for reading large pieces of files.
    #[cfg(feature = "web")]
    pub(crate) fn large_pieces(&self) -> Arc<Semaphore> {
        Arc::clone(&self.large_pieces.0)
    }

    /// Returns the permits for the memory of uploads, each for [`UPLOAD_PIECE`] bytes.
    #[cfg(feature = "web")]
    pub(crate) fn upload_memory(&self) -> Arc<Semaphore> {
        Arc::clone(&self.upload_memory.0)
    }

    /// Returns the slices of the counts that list over the network.
    #[cfg(feature = "web")]
    pub(crate) fn count_slices(&self) -> &TimeSlices {
        &self.count_slices
    }

    fn permits_of(&self, server: String) -> Arc<Semaphore> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permits) = servers.get(&server).and_then(Weak::upgrade) {
            return permits;
        }
        servers.retain(|_, permits| permits.strong_count() > 0);
        let permits = Arc::new(Semaphore::new(PROBES_PER_SERVER));
        servers.insert(server, Arc::downgrade(&permits));
        permits
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("egress", &self.egress)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn probes_of_one_server_are_bounded() {
        let network = Network::default();
        let cx = OpContext::within(Duration::from_mins(1));
        let permit = |server: &str| network.probe_permit(server.to_owned(), &cx).now_or_never();
        let mut held: Vec<_> = (0..PROBES_PER_SERVER)
            .map(|_| permit("http://a").unwrap().unwrap())
            .collect();
        assert!(permit("http://a").is_none());
        assert!(permit("http://b").unwrap().is_ok());
        held.pop();
        assert!(permit("http://a").unwrap().is_ok());
    }
}
