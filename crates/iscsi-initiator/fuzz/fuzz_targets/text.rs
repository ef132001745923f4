//! Parses foreign texts: pairs, targets and binary values.

#![no_main]

use iscsi_initiator::{chap, text};
use libfuzzer_sys::fuzz_target;

const MAX_TARGETS: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let Ok(pairs) = text::pairs(bytes) else { return };
    assert_eq!(text::pairs(&text::write(pairs.iter().copied())).as_deref(), Ok(&*pairs));
    for (_, value) in &pairs {
        if let Ok(binary) = chap::decode(value) {
            assert_eq!(chap::decode(&chap::encode(&binary)), Ok(binary));
        }
    }
    if let Ok(targets) = text::targets(bytes, MAX_TARGETS) {
        assert!(targets.len() <= MAX_TARGETS);
    }
});
