//! Units of the iSCSI protocol: what is read is written again as the same, and no length is believed before it is there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::iscsi::pdu::{Digests, MAX_SEGMENT, Pdu};

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
