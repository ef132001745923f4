//! Which refusals the database is told of: whoever is refused must not be able to fill it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use storage_domain::access::How;

use crate::access::Client;

/// How long the same refusal is not recorded again, and what the limits count for.
const WINDOW: Duration = Duration::from_mins(1);
/// How many refusals of clients that nobody knows are recorded in that time, wherever they come from.
const MAX_OF_STRANGERS: u32 = 10;
/// How many refusals of clients with credentials are recorded in that time.
const MAX_OF_KNOWN: u32 = 60;

/// What makes a refusal the same as another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Refusal {
    pub(super) client: Client,
    /// `None` where nobody knows who it is.
    pub(super) actor: Option<(String, How)>,
    pub(super) action: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) backend: Option<String>,
}

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    /// Those that were recorded; the limits bound it.
    seen: HashSet<Refusal>,
    of_strangers: u32,
    of_known: u32,
    /// How many were not recorded since one was.
    left_out: u64,
}

impl Refusals {
    /// Whether to record this one: then it is told how many were left out before it.
    pub(super) fn admit(&self, refusal: Refusal, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |began| now.saturating_duration_since(began) >= WINDOW;
        if window.began.is_none_or(is_over) {
            *window = Window {
                began: Some(now),
                left_out: window.left_out,
                ..Window::default()
            };
        }
        if window.seen.contains(&refusal) || !window.has_room(refusal.actor.is_some()) {
            window.left_out += 1;
            return None;
        }
        window.seen.insert(refusal);
        Some(std::mem::take(&mut window.left_out))
    }
}

impl Window {
    /// Takes one of the places for a refusal, where there is one.
    fn has_room(&mut self, is_known: bool) -> bool {
        let (count, most) = if is_known {
            (&mut self.of_known, MAX_OF_KNOWN)
        } else {
            (&mut self.of_strangers, MAX_OF_STRANGERS)
        };
        let has_room = *count < most;
        *count += u32::from(has_room);
        has_room
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn refusal(address: u32, actor: Option<&str>) -> Refusal {
        Refusal {
            client: Client::Address(IpAddr::V4(Ipv4Addr::from_bits(address))),
            actor: actor.map(|name| (name.to_owned(), How::Jwt)),
            action: "backend.read",
            code: Some("forbidden"),
            backend: None,
        }
    }

    #[test]
    fn strangers_are_bounded_and_displace_nobody() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let told = (0..5000).filter(|n| refusals.admit(refusal(*n, None), now).is_some());
        assert_eq!(told.count(), MAX_OF_STRANGERS as usize);
        let known = |n: u32| refusals.admit(refusal(0, Some(&format!("user {n}"))), now);
        assert_eq!(known(0), Some(5000 - u64::from(MAX_OF_STRANGERS)));
        assert_eq!(known(0), None);
        assert_eq!(known(1), Some(1));
        let told = (2..5000).filter(|n| known(*n).is_some());
        assert_eq!(told.count(), MAX_OF_KNOWN as usize - 2);
        assert!(refusals.0.lock().unwrap().seen.len() <= (MAX_OF_STRANGERS + MAX_OF_KNOWN) as usize);
        assert!(refusals.admit(refusal(1, None), now + WINDOW).is_some());
    }
}
