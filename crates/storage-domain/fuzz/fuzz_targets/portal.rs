//! Addresses of iSCSI portals: what is accepted is read back from its own text as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_domain::iscsi::Portal;

fuzz_target!(|text: &str| {
    if let Ok(portal) = text.parse::<Portal>() {
        assert_eq!(portal.to_string().parse().as_ref(), Ok(&portal));
    }
});
