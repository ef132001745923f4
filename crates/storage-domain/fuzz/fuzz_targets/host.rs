//! Hosts: what is accepted is read back from its own text as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_domain::Host;

fuzz_target!(|text: &str| {
    if let Ok(value) = text.parse::<Host>() {
        let shown = value.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&value), "{shown:?}");
        assert!(!shown.starts_with('-'), "it could be read as an option");
        assert_eq!(value.bare().parse().as_ref(), Ok(&value));
    }
});
