//! Limits rates by token buckets, one a client.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Client;

/// Clients that are remembered. One that is forgotten begins with a full bucket.
const MAX_CLIENTS: usize = 4096;

/// How a bucket fills: it holds `burst` at the most and gains `per_second`.
#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    burst: f64,
}

/// What is in a bucket.
#[derive(Clone, Copy)]
struct Level {
    tokens: f64,
    at: Instant,
}

/// One token bucket.
pub(super) struct Bucket {
    rate: Rate,
    level: Mutex<Option<Level>>,
}

/// A token bucket for each client.
pub(super) struct Buckets {
    rate: Rate,
    clients: Mutex<HashMap<Client, Level>>,
}

impl Rate {
    fn new(per_second: f64, burst: f64) -> Self {
        Self {
            per_second,
            burst: burst.max(1.0),
        }
    }

    fn full(self, now: Instant) -> Level {
        Level {
            tokens: self.burst,
            at: now,
        }
    }

    fn tokens(self, level: Level, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(level.at).as_secs_f64() * self.per_second;
        (level.tokens + gained).min(self.burst)
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The time until there is one.
    fn take(self, level: &mut Level, now: Instant) -> Result<(), Duration> {
        let tokens = self.tokens(*level, now);
        *level = Level { tokens, at: now };
        if tokens < 1.0 {
            let wait = (1.0 - tokens) / self.per_second;
            return Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX));
        }
        level.tokens -= 1.0;
        Ok(())
    }
}

impl Bucket {
    pub(super) fn new(per_second: f64, burst: f64) -> Self {
        Self {
            rate: Rate::new(per_second, burst),
            level: Mutex::default(),
        }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The time until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        self.rate.take(level.get_or_insert(self.rate.full(now)), now)
    }
}

impl Buckets {
    pub(super) fn new(per_second: f64, burst: f64) -> Self {
        Self {
            rate: Rate::new(per_second, burst),
            clients: Mutex::default(),
        }
    }

    /// Takes one token out of the client's bucket.
    ///
    /// # Errors
    /// The time until there is one.
    pub(super) fn take(&self, client: Client, now: Instant) -> Result<(), Duration> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            clients.retain(|_, level| self.rate.tokens(*level, now) < self.rate.burst);
            if clients.len() >= MAX_CLIENTS {
                let first = clients.keys().next().cloned();
                first.map(|client| clients.remove(&client));
            }
        }
        let level = clients.entry(client).or_insert(self.rate.full(now));
        self.rate.take(level, now)
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
    fn one_bucket_is_for_everybody() {
        let (bucket, now) = (Bucket::new(1.0, 60.0), Instant::now());
        assert_eq!((0..1000).filter(|_| bucket.take(now).is_ok()).count(), 60);
        assert!(bucket.take(now + Duration::from_secs(1)).is_ok());
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
