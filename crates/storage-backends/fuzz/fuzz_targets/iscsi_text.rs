//! Texts of the iSCSI protocol: pairs, targets, addresses and binary values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::iscsi::chap;
use storage_backends::iscsi::text::{self, Address, MAX_TARGETS};

fuzz_target!(|bytes: &[u8]| {
    let Ok(pairs) = text::pairs(bytes) else { return };
    assert_eq!(text::pairs(&text::write(pairs.iter().copied())).as_deref(), Ok(&*pairs));
    for (_, value) in &pairs {
        if let Ok(address) = value.parse::<Address>() {
            assert!(address.to_string().parse::<Address>().is_ok_and(|read| read == address));
        }
        if let Ok(binary) = chap::decode(value) {
            assert_eq!(chap::decode(&chap::encode(&binary)), Ok(binary));
        }
    }
    if let Ok(targets) = text::targets(bytes) {
        assert!(targets.len() <= MAX_TARGETS);
    }
});
