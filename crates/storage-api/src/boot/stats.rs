//! What machines have fetched since the process began, in totals.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage_domain::BackendId;
use time::OffsetDateTime;

use super::origin::Origin;

/// Backends that are counted by themselves; what is fetched of further ones is in the totals alone.
const MAX_BACKENDS: usize = 1000;

/// Counts requests and bytes.
#[derive(Debug)]
pub(super) struct Stats {
    since: OffsetDateTime,
    counts: Mutex<Counts>,
}

/// Requests, and the bytes of files that they were sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

/// The totals.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) all: Traffic,
    /// Requests that were answered with a status from 400 to 499.
    pub(crate) refused: u64,
    /// Requests that were answered with one from 500 on, or whose file broke off.
    pub(crate) failed: u64,
    /// Connections that are open now.
    pub(crate) connections: u64,
    /// Requests for bytes of a file, by the origin of these.
    origins: [Traffic; Origin::ALL.len()],
    pub(crate) backends: HashMap<BackendId, Traffic>,
}

/// An answer that was sent, or broke off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) backend: Option<BackendId>,
    /// `None` if it has no bytes of a file.
    pub(super) origin: Option<Origin>,
    pub(super) bytes: u64,
    /// Whether the storage ended it before its end.
    pub(super) broke_off: bool,
}

/// An open connection; dropping it ends it.
pub(super) struct Connected<'a>(&'a Stats);

impl Origin {
    const ALL: [Self; 4] = [Self::Storage, Self::Hit, Self::Fill, Self::Stale];

    /// Returns its stable name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Hit => "hit",
            Self::Fill => "fill",
            Self::Stale => "stale",
        }
    }
}

impl Traffic {
    fn add(&mut self, bytes: u64) {
        self.requests += 1;
        self.bytes += bytes;
    }
}

impl Counts {
    /// Returns the traffic of each origin with its name.
    pub(crate) fn origins(&self) -> [(&'static str, Traffic); Origin::ALL.len()] {
        Origin::ALL.map(|origin| (origin.as_str(), self.origins[origin as usize]))
    }

    fn add(&mut self, answer: Answered) {
        self.all.add(answer.bytes);
        self.refused += u64::from((400..500).contains(&answer.status));
        self.failed += u64::from(answer.status >= 500 || answer.broke_off);
        if let Some(origin) = answer.origin {
            self.origins[origin as usize].add(answer.bytes);
        }
        if let Some(id) = answer.backend
            && (self.backends.len() < MAX_BACKENDS || self.backends.contains_key(&id))
        {
            self.backends.entry(id).or_default().add(answer.bytes);
        }
    }
}

impl Stats {
    pub(super) fn new() -> Self {
        Self {
            since: OffsetDateTime::now_utc(),
            counts: Mutex::default(),
        }
    }

    /// Returns since when it counts, and the counts.
    pub(super) fn read(&self) -> (OffsetDateTime, Counts) {
        (self.since, self.lock().clone())
    }

    pub(super) fn count(&self, answer: Answered) {
        self.lock().add(answer);
    }

    /// Gives up the counts of a backend that is gone, which stay in the totals.
    pub(super) fn forget(&self, id: BackendId) {
        self.lock().backends.remove(&id);
    }

    /// Counts a connection until the value is dropped.
    pub(super) fn connected(&self) -> Connected<'_> {
        self.lock().connections += 1;
        Connected(self)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.lock().connections -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FETCHED: Answered = Answered {
        status: 200,
        backend: None,
        origin: Some(Origin::Storage),
        bytes: 10,
        broke_off: false,
    };

    #[test]
    fn each_answer_counts_where_it_belongs() {
        let stats = Stats::new();
        let id = BackendId::generate();
        let backend = Some(id);
        let refused = Answered {
            status: 404,
            origin: None,
            bytes: 0,
            ..FETCHED
        };
        for answer in [
            Answered { backend, ..FETCHED },
            Answered {
                backend,
                origin: Some(Origin::Stale),
                broke_off: true,
                ..FETCHED
            },
            refused,
            Answered {
                status: 503,
                backend,
                ..refused
            },
        ] {
            stats.count(answer);
        }
        let open = stats.connected();
        let counts = stats.read().1;
        let of = |requests, bytes| Traffic { requests, bytes };
        assert_eq!(counts.all, of(4, 20));
        assert_eq!((counts.refused, counts.failed, counts.connections), (1, 2, 1));
        let none = of(0, 0);
        assert_eq!(
            counts.origins(),
            [
                ("storage", of(1, 10)),
                ("hit", none),
                ("fill", none),
                ("stale", of(1, 10))
            ]
        );
        assert_eq!(counts.backends[&id], of(3, 20));
        drop(open);
        assert_eq!(stats.read().1.connections, 0);
    }

    #[test]
    fn backends_are_bounded() {
        let stats = Stats::new();
        let ids: Vec<_> = (0..=MAX_BACKENDS).map(|_| BackendId::generate()).collect();
        for id in ids.iter().chain(&ids) {
            let backend = Some(*id);
            stats.count(Answered { backend, ..FETCHED });
        }
        let counts = stats.read().1;
        assert_eq!(counts.all.requests, 2 * ids.len() as u64);
        assert_eq!(counts.backends.len(), MAX_BACKENDS);
        assert_eq!(counts.backends[&ids[0]].requests, 2);
        stats.forget(ids[0]);
        stats.count(Answered {
            backend: Some(ids[MAX_BACKENDS]),
            ..FETCHED
        });
        assert!(stats.read().1.backends.contains_key(&ids[MAX_BACKENDS]));
    }
}
