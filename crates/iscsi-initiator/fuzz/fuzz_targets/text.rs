//! Parses foreign texts: pairs, targets and binary values.

#![no_main]

use iscsi_initiator::{chap, text};
use libfuzzer_sys::fuzz_target;

const MAX_TARGETS: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let Ok(pairs) = text::pairs(bytes) else { return };
    // What replaces bytes that are not UTF-8 can make a value longer than is read.
    let written = text::write(pairs.iter().map(|(key, value)| (*key, &**value)));
    if let Ok(again) = text::pairs(&written) {
        assert_eq!(again, pairs);
    }
    for (_, value) in &pairs {
        if let Ok(binary) = chap::decode(value) {
            assert_eq!(chap::decode(&chap::encode(&binary)), Ok(binary));
        }
    }
    if let Ok(targets) = text::targets(bytes, MAX_TARGETS) {
        assert!(targets.len() <= MAX_TARGETS);
        let names: std::collections::HashSet<_> = targets.iter().map(|target| target.name.to_ascii_lowercase()).collect();
        assert_eq!(names.len(), targets.len());
    }
});
