//! Mount options: what is accepted is read back from its own text as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_domain::MountOptions;

fuzz_target!(|text: &str| {
    if let Ok(value) = text.parse::<MountOptions>() {
        let shown = value.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&value), "{shown:?}");
        assert!(!shown.contains("addr=") && !value.has("suid"));
        assert!(!value.versions().is_empty());
    }
});
