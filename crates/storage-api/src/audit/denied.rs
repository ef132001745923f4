//! Bounds on records of requests that changed nothing: neither strangers nor clients with a token can fill the database.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use storage_domain::access::AuditRecord;

use super::{Kind, MAX_CHANGES, MAX_PROBES};
use crate::limits::Client;

/// Time in which the same request has one record, and for which the budgets are.
const WINDOW: Duration = Duration::from_mins(1);

/// What a record is about, as far as its worth goes. Each has a budget of its own, so that none hides another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A client that nobody knows.
    Stranger,
    /// A known client without the right.
    Denied,
    /// A request that failed, or whose client hung up.
    Failed,
    /// A request that was answered.
    Done,
}

impl Standing {
    pub(super) fn of(record: &AuditRecord, kind: Kind) -> Self {
        match (record.actor.is_some(), record.status) {
            (false, _) => Self::Stranger,
            (true, Some(401 | 403)) => Self::Denied,
            (true, Some(..=399)) if kind != Kind::Read => Self::Done,
            (true, _) => Self::Failed,
        }
    }

    /// Returns how many places of the queue stay free for what is worth more.
    pub(super) const fn reserved_places(self, kind: Kind) -> usize {
        match (self, kind) {
            (Self::Stranger | Self::Denied, _) => MAX_CHANGES + MAX_PROBES,
            (_, Kind::Change) => 0,
            (_, Kind::Probe | Kind::Read) => MAX_CHANGES,
        }
    }

    /// Returns the most records in a [`WINDOW`], of all clients. A change that is done is as rare as its client's rate.
    const fn budget(self, kind: Kind) -> Option<u32> {
        match (self, kind) {
            (Self::Stranger, _) => Some(10),
            (Self::Denied | Self::Failed, _) => Some(60),
            (Self::Done, Kind::Change) => None,
            (Self::Done, Kind::Probe | Kind::Read) => Some(600),
        }
    }
}

/// What makes a request the same as another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Request {
    client: Client,
    actor: Option<String>,
    how: Option<String>,
    action: String,
    code: Option<String>,
    backend: Option<String>,
}

/// What was recorded in the present window.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    /// Requests that have a record. The budgets bound it.
    seen: HashSet<Request>,
    spent: [u32; 4],
    /// Requests without a record since the last one.
    left_out: u64,
}

impl Budgets {
    /// Takes a record out of its budget; returns how many were left out before it, or `None` if it is left out too.
    pub(super) fn admit(
        &self,
        standing: Standing,
        kind: Kind,
        record: &AuditRecord,
        client: Client,
        now: Instant,
    ) -> Option<u64> {
        let Some(budget) = standing.budget(kind) else {
            return Some(0);
        };
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        window.begin_if_over(now);
        let request = Request {
            client,
            actor: record.actor.clone(),
            how: record.how.clone(),
            action: record.action.clone(),
            code: record.error.clone(),
            backend: record.backend_id.clone(),
        };
        if window.seen.contains(&request) || window.spent[standing as usize] >= budget {
            window.left_out += 1;
            return None;
        }
        window.spent[standing as usize] += 1;
        window.seen.insert(request);
        Some(std::mem::take(&mut window.left_out))
    }
}

impl Window {
    fn begin_if_over(&mut self, now: Instant) {
        let is_over = |began| now.saturating_duration_since(began) >= WINDOW;
        if self.began.is_none_or(is_over) {
            *self = Self {
                began: Some(now),
                left_out: self.left_out,
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const MANY: u32 = 5000;

    fn admit(budgets: &Budgets, now: Instant, address: u32, actor: Option<&str>, status: u16) -> Option<u64> {
        let record = AuditRecord {
            actor: actor.map(str::to_owned),
            status: Some(status),
            error: (status >= 400).then(|| status.to_string()),
            backend_id: Some("the same".to_owned()),
            ..AuditRecord::new("backend.test")
        };
        let client = Client::Address(IpAddr::V4(Ipv4Addr::from_bits(address)));
        let standing = Standing::of(&record, Kind::Probe);
        budgets.admit(standing, Kind::Probe, &record, client, now)
    }

    #[test]
    fn strangers_are_bounded_and_displace_nobody() {
        let (budgets, now) = (Budgets::default(), Instant::now());
        let recorded = (0..MANY).filter(|n| admit(&budgets, now, *n, None, 401).is_some());
        assert_eq!(recorded.count(), 10);
        let known = |n: u32| admit(&budgets, now, 0, Some(&format!("user {n}")), 403);
        assert_eq!(known(0), Some(u64::from(MANY - 10)));
        assert_eq!(known(0), None);
        assert_eq!(known(1), Some(1));
        assert_eq!((2..MANY).filter(|n| known(*n).is_some()).count(), 60 - 2);
        assert!(budgets.0.lock().unwrap().seen.len() <= 70);
        assert!(admit(&budgets, now + WINDOW, 1, None, 401).is_some());
    }

    /// Neither the failed tests of one client nor those that pass go on without end.
    #[test]
    fn clients_with_a_token_are_bounded_too() {
        let (budgets, now) = (Budgets::default(), Instant::now());
        let failed = |n: u32, code| admit(&budgets, now, n, Some("ci"), code).is_some();
        assert!(failed(0, 404) && !failed(0, 404));
        assert_eq!((1..MANY).filter(|n| failed(*n, 409)).count(), 60 - 1);
        assert_eq!((0..MANY).filter(|n| failed(n % 1000, 200)).count(), 600);
        assert!(failed(0, 403), "what it may not do is recorded beside them");
    }
}
