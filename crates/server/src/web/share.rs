//! How many connections one client may hold, and how long its peer may keep one waiting.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use storage_domain::net::Network;
use tokio::time::{Instant, Sleep, sleep};

/// The part of all connections that one client may hold.
const PART: usize = 8;
/// What a client may hold at the least, as far as half of the connections are left to others.
const FEWEST: usize = 8;
/// How often it is logged at most that a client holds its share.
const WARN_EVERY: Duration = Duration::from_mins(1);
/// How long a peer may take to send a request's head if few connections are left.
const HURRIED: Duration = Duration::from_secs(2);
/// How long a peer may take nothing of an answer.
const STALLED: Duration = Duration::from_secs(30);

/// The connections that clients hold.
pub(crate) struct Shares {
    capacity: usize,
    /// Networks of proxies, each of which speaks for many clients.
    trusted: Vec<Network>,
    all: AtomicUsize,
    by_client: Mutex<HashMap<IpAddr, usize>>,
    warned: Mutex<Option<Instant>>,
}

impl Shares {
    /// Shares out so many connections. Clients on this machine and in `trusted` networks have no bound.
    pub(crate) fn new(capacity: usize, trusted: Vec<Network>) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            trusted,
            all: AtomicUsize::new(0),
            by_client: Mutex::default(),
            warned: Mutex::default(),
        })
    }

    /// Counts a connection of the client at this address; `None` if it holds as many as it may.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let client = self.client(address);
        if let Some(client) = client {
            let mut by_client = self.by_client();
            let held = by_client.entry(client).or_default();
            if *held >= self.most() {
                drop(by_client);
                self.warn(client);
                return None;
            }
            *held += 1;
        }
        self.all.fetch_add(1, Relaxed);
        Some(Share {
            shares: Arc::clone(self),
            client,
        })
    }

    fn warn(&self, client: IpAddr) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            let most = self.most();
            tracing::warn!(%client, most, "a client holds as many connections as one may: its further ones are closed at once. If it is a proxy, add it to trusted_proxies");
        }
    }

    /// Returns whom a connection counts for; `None` if nobody counts it. An IPv6 network of 64 bits is one client.
    fn client(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        if address.is_loopback() || self.trusted.iter().any(|network| network.contains(address)) {
            return None;
        }
        Some(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
        })
    }

    /// Returns how many connections one client may hold.
    fn most(&self) -> usize {
        (self.capacity / PART).max(FEWEST.min(self.capacity.div_ceil(2)))
    }

    /// Returns whether less than a quarter of the connections is left.
    fn is_nearly_full(&self) -> bool {
        self.all.load(Relaxed) > self.capacity / 4 * 3
    }

    fn by_client(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts until it is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: Option<IpAddr>,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.all.fetch_sub(1, Relaxed);
        let Some(client) = self.client else { return };
        let mut by_client = self.shares.by_client();
        if let Some(held) = by_client.get_mut(&client) {
            *held -= 1;
            if *held == 0 {
                by_client.remove(&client);
            }
        }
    }
}

/// How long the peer of one connection may keep it waiting.
pub(super) struct Patience {
    /// `None`: a Unix socket.
    share: Option<Share>,
    hurried: Duration,
    stalled: Duration,
    /// Since when the peer takes nothing.
    stalled_since: Option<Instant>,
    /// Wakes the connection's task for the next look.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(share: Option<Share>) -> Self {
        Self::with(share, HURRIED, STALLED)
    }

    pub(super) fn with(share: Option<Share>, hurried: Duration, stalled: Duration) -> Self {
        Self {
            share,
            hurried,
            stalled,
            stalled_since: None,
            alarm: None,
        }
    }

    /// Returns whether the connection is to end, whose peer could send a head since then, if it could. Wakes the task
    /// for the next look otherwise.
    pub(super) fn is_head_overdue(&mut self, since: Option<Instant>, cx: &mut Context<'_>) -> bool {
        let counted = self.share.as_ref().filter(|share| share.client.is_some());
        let (Some(share), Some(since)) = (counted, since) else {
            return false;
        };
        if share.shares.is_nearly_full() && since.elapsed() >= self.hurried {
            return true;
        }
        self.wake(self.hurried, cx);
        false
    }

    /// Returns whether the peer has taken nothing for too long. Wakes the task for the next look otherwise.
    pub(super) fn is_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.stalled {
            return true;
        }
        self.wake(self.stalled.min(self.hurried), cx);
        false
    }

    /// Reports that the peer took something.
    pub(super) fn moved(&mut self) {
        self.stalled_since = None;
    }

    fn wake(&mut self, after: Duration, cx: &mut Context<'_>) {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(after)));
        while alarm.as_mut().poll(cx).is_ready() {
            alarm.as_mut().reset(Instant::now() + after);
        }
    }
}

#[cfg(test)]
mod tests;
