//! Decodes foreign PDUs: lengths are checked before they are used.

#![no_main]

use iscsi_initiator::pdu::{Digests, MAX_SEGMENT, Pdu};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (header, data, bytes) = input;
    let digests = Digests { header, data };
    let Ok(Some((pdu, length))) = Pdu::decode(bytes, digests) else {
        return;
    };
    assert!(length <= bytes.len() && pdu.data().len() <= MAX_SEGMENT);
    // One byte less is not enough.
    assert_eq!(Pdu::decode(&bytes[..length - 1], digests), Ok(None));
});
