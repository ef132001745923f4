//! Limits how much of one client runs at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Client;

type Counts = Mutex<HashMap<Client, u32>>;

/// Permits in use, by client; a client without any is not in the table.
#[derive(Debug)]
pub(super) struct Concurrency {
    most: u32,
    counts: Counts,
}

/// A permit for something that runs; it is given back when the value is dropped.
#[derive(Debug)]
pub(crate) struct ClientPermit {
    client: Client,
    limit: Arc<Concurrency>,
}

impl Concurrency {
    pub(super) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self {
            most,
            counts: Counts::default(),
        })
    }

    /// Returns a permit, or `None` if the client has as many as it may.
    pub(super) fn acquire(self: &Arc<Self>, client: Client) -> Option<ClientPermit> {
        let mut counts = lock(&self.counts);
        let count = counts.get(&client).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        counts.insert(client.clone(), count + 1);
        Some(ClientPermit {
            client,
            limit: Arc::clone(self),
        })
    }

    /// Returns how many clients have a permit.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.counts).len()
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        let mut counts = lock(&self.limit.counts);
        match counts.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.client)),
        }
    }
}

fn lock(counts: &Counts) -> MutexGuard<'_, HashMap<Client, u32>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_end_with_their_values() {
        let limit = Concurrency::new(2);
        let take = |name: &str| limit.acquire(Client::Known(name.to_owned()));
        let (first, second) = (take("a"), take("a"));
        assert!(first.is_some() && second.is_some() && take("a").is_none() && take("b").is_some());
        drop(first);
        assert!(take("a").is_some());
        drop(second);
        assert_eq!(limit.len(), 0);
    }
}
