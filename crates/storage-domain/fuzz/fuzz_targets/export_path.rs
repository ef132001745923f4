//! Export paths: what is accepted is read back from its own text as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_domain::ExportPath;

fuzz_target!(|text: &str| {
    if let Ok(value) = text.parse::<ExportPath>() {
        let shown = value.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&value), "{shown:?}");
        assert!(value.normalized().starts_with('/') && value.is_within(&value));
    }
});
