//! URLs: what is accepted is read back from its own text as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_domain::BaseUrl;

fuzz_target!(|text: &str| {
    if let Ok(value) = text.parse::<BaseUrl>() {
        let shown = value.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&value), "{shown:?}");
        assert!(shown.starts_with("http://") || shown.starts_with("https://"));
        assert!(!shown.ends_with('/') && shown.len() <= BaseUrl::MAX_BYTES);
        assert!(value.directory().path().ends_with('/'));
    }
});
