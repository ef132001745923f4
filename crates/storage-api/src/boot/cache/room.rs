//! Room for files: what was used longest ago goes, unless it is open or pinned.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::kept::Kept;
use super::{Cache, Held, Key, State, cost};

/// The part of a disk that stays free, as a divisor.
const FLOOR: u64 = 20;

impl State {
    /// Returns what may go, the longest unused first.
    fn evictable(&self) -> Vec<(Key, Arc<Kept>)> {
        let kept = self.slots.iter().filter_map(|(key, slot)| match &slot.held {
            // Whoever reads one holds it too.
            Some(Held::Kept(kept))
                if Arc::strong_count(kept) == 1 && !kept.is_pinned.load(Ordering::Relaxed) =>
            {
                Some((key.clone(), Arc::clone(kept)))
            }
            _ => None,
        });
        let mut kept: Vec<_> = kept.collect();
        kept.sort_by_key(|(_, kept)| kept.used());
        kept
    }
}

impl Cache {
    /// Reserves room for a file, and removes others for it; returns whether it fits.
    pub(super) fn reserve(&self, size: u64) -> bool {
        let cost = cost(size);
        let (limit, Ok((free, all))) = (self.settings.bytes, self.disk.space()) else {
            return false;
        };
        let mut state = self.state();
        let wanted = state.used.saturating_add(cost);
        let over = if wanted > limit {
            wanted - limit / 10 * 9
        } else {
            0
        };
        let short = size.saturating_add(all / FLOOR).saturating_sub(free);
        let (mut freed, mut gone) = (0, Vec::new());
        for (key, kept) in state.evictable() {
            if freed >= over.max(short) {
                break;
            }
            freed += kept.meta.size();
            gone.push(key);
        }
        let counted = freed + gone.len() as u64 * super::OVERHEAD;
        let fits = wanted.saturating_sub(counted) <= limit && freed >= short;
        let gone: Vec<_> = if fits {
            state.used += cost;
            gone.iter().filter_map(|key| state.empty(key)).collect()
        } else {
            Vec::new()
        };
        drop(state);
        self.evict(&gone);
        fits
    }

    /// Removes so many bytes from a disk that is full; returns whether there were as many.
    pub(super) fn make_room(&self, bytes: u64) -> bool {
        let mut state = self.state();
        let (mut freed, mut gone) = (0, Vec::new());
        for (key, kept) in state.evictable() {
            if freed >= bytes {
                break;
            }
            freed += kept.meta.size();
            gone.extend(state.empty(&key));
        }
        drop(state);
        self.evict(&gone);
        freed >= bytes
    }

    fn evict(&self, gone: &[Arc<Kept>]) {
        if !gone.is_empty() {
            tracing::debug!(
                files = gone.len(),
                "boot files were removed from the cache for others"
            );
            self.remove(gone);
        }
    }
}
