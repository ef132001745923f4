//! How much of one client runs at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Client;

type Counts = Mutex<HashMap<Client, u32>>;

/// Counts what runs, by client; who has nothing running is not in the table.
#[derive(Debug)]
pub(super) struct Turns {
    most: u32,
    counts: Arc<Counts>,
}

/// Something that runs; it ends with this value.
#[derive(Debug)]
pub(crate) struct Turn {
    client: Client,
    counts: Arc<Counts>,
}

impl Turns {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            counts: Arc::default(),
        }
    }

    /// `None` where as many run as may.
    pub(super) fn take(&self, client: Client) -> Option<Turn> {
        let mut counts = lock(&self.counts);
        let count = counts.get(&client).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        counts.insert(client.clone(), count + 1);
        Some(Turn {
            client,
            counts: Arc::clone(&self.counts),
        })
    }

    /// How many clients have something running.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.counts).len()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
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
    fn turns_end_with_their_values() {
        let turns = Turns::new(2);
        let take = |name: &str| turns.take(Client::Known(name.to_owned()));
        let (first, second) = (take("a"), take("a"));
        assert!(first.is_some() && second.is_some() && take("a").is_none() && take("b").is_some());
        drop(first);
        assert!(take("a").is_some());
        drop(second);
        assert_eq!(turns.len(), 0);
    }
}
