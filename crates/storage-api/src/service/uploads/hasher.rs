//! The hash of a file that is written, with what it was some time ago.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};
use storage_domain::FileHash;

/// How many earlier states are kept, one a block: a storage may hold back so many blocks before it stores them.
const MAX_MARKS: usize = 8192;

/// Hashes content as it passes.
pub(super) struct Hasher {
    digest: Sha256,
    /// Number of bytes that passed.
    passed: u64,
    /// States after so many bytes, the oldest first.
    marks: VecDeque<(u64, SerializedState<Sha256>)>,
}

impl Hasher {
    /// Begins with the first byte.
    pub(super) fn new() -> Self {
        Self::after(0, Sha256::new())
    }

    /// Goes on after `passed` bytes with the text of [`Hasher::state_at`]; `None` if that can't be read.
    pub(super) fn resume(passed: u64, state: &str) -> Option<Self> {
        let bytes = STANDARD_NO_PAD.decode(state).ok()?;
        let state = SerializedState::<Sha256>::try_from(bytes.as_slice()).ok()?;
        Some(Self::after(passed, Sha256::deserialize(&state).ok()?))
    }

    fn after(passed: u64, digest: Sha256) -> Self {
        let marks = VecDeque::from([(passed, digest.serialize())]);
        Self {
            digest,
            passed,
            marks,
        }
    }

    /// Returns how many bytes passed.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Hashes the next block.
    pub(super) fn update(&mut self, block: &[u8]) {
        self.digest.update(block);
        self.passed += block.len() as u64;
        if self.marks.len() == MAX_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back((self.passed, self.digest.serialize()));
    }

    /// Returns the last state at or before `stored`, and forgets those before it.
    pub(super) fn state_at(&mut self, stored: u64) -> Option<(u64, String)> {
        while self.marks.get(1).is_some_and(|(passed, _)| *passed <= stored) {
            self.marks.pop_front();
        }
        let (passed, state) = self.marks.front().filter(|(passed, _)| *passed <= stored)?;
        Some((*passed, STANDARD_NO_PAD.encode(state)))
    }

    /// Returns the hash of all that passed.
    pub(super) fn hash(&self) -> FileHash {
        FileHash::from(<[u8; 32]>::from(self.digest.clone().finalize()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Wherever it is broken off, what goes on there has the hash of all.
        #[test]
        fn goes_on_where_it_was_broken_off(
            blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..100), 1..20),
            stored in 0..2000_u64,
        ) {
            let all = blocks.concat();
            let mut first = Hasher::new();
            for block in &blocks {
                first.update(block);
            }
            prop_assert_eq!(first.passed(), all.len() as u64);
            let (at, state) = first.state_at(stored).unwrap();
            prop_assert!(at <= stored);
            let mut second = Hasher::resume(at, &state).unwrap();
            second.update(&all[usize::try_from(at).unwrap()..]);
            let whole = FileHash::from(<[u8; 32]>::from(Sha256::digest(&all)));
            prop_assert_eq!((first.hash(), second.hash()), (whole, whole));
        }
    }

    #[test]
    fn what_can_not_go_on() {
        assert!(Hasher::resume(1, "!").is_none());
        assert!(Hasher::resume(1, "AAAA").is_none());
    }
}
