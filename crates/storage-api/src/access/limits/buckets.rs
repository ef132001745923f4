//! Token buckets, one a client.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Client;

/// How many clients are remembered. One that is forgotten begins with a full bucket.
const MAX_CLIENTS: usize = 4096;

/// Token buckets: each holds `burst` at the most and gains `per_second`.
pub(super) struct Buckets {
    per_second: f64,
    burst: f64,
    clients: Mutex<HashMap<Client, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl Buckets {
    pub(super) fn new(per_second: f64, burst: f64) -> Self {
        Self {
            per_second,
            burst: burst.max(1.0),
            clients: Mutex::default(),
        }
    }

    /// Takes one out of the client's bucket.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub(super) fn take(&self, client: Client, now: Instant) -> Result<(), Duration> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            clients.retain(|_, bucket| self.level(*bucket, now) < self.burst);
            if clients.len() >= MAX_CLIENTS {
                let first = clients.keys().next().cloned();
                first.map(|client| clients.remove(&client));
            }
        }
        let full = Bucket {
            level: self.burst,
            at: now,
        };
        let bucket = clients.entry(client).or_insert(full);
        let level = self.level(*bucket, now);
        *bucket = Bucket { level, at: now };
        if level < 1.0 {
            return Err(self.until_one(level));
        }
        bucket.level -= 1.0;
        Ok(())
    }

    fn level(&self, bucket: Bucket, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_second;
        (bucket.level + gained).min(self.burst)
    }

    fn until_one(&self, level: f64) -> Duration {
        Duration::try_from_secs_f64((1.0 - level) / self.per_second).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u32) -> Client {
        Client::Known(n.to_string())
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let (buckets, begin) = (Buckets::new(2.0, 3.0), Instant::now());
        for _ in 0..3 {
            buckets.take(client(1), begin).unwrap();
        }
        assert_eq!(buckets.take(client(1), begin), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take(client(2), begin), Ok(()));
        let later = begin + Duration::from_millis(500);
        assert_eq!(buckets.take(client(1), later), Ok(()));
        assert!(buckets.take(client(1), later).is_err());
        // No more than the burst, however long it takes.
        let much_later = begin + Duration::from_hours(1);
        for _ in 0..3 {
            buckets.take(client(1), much_later).unwrap();
        }
        assert!(buckets.take(client(1), much_later).is_err());
    }

    #[test]
    fn the_table_is_bounded() {
        let (buckets, now) = (Buckets::new(0.001, 1.0), Instant::now());
        for n in 0..5000 {
            buckets.take(client(n), now).unwrap();
        }
        assert!(buckets.clients.lock().unwrap().len() <= MAX_CLIENTS);
    }
}
