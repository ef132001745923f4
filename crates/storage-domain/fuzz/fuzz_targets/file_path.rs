//! Paths of files: what is accepted is read back from its own text as the same, and leads nowhere else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_domain::FilePath;

fuzz_target!(|text: &str| {
    if let Ok(value) = text.parse::<FilePath>() {
        let shown = value.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&value), "{shown:?}");
        assert!(shown.starts_with('/') && !shown.contains('\0') && shown.len() <= FilePath::MAX_BYTES);
        assert!(value.segments().all(|name| !matches!(name, "" | "." | "..")));
        match value.parent() {
            Some(parent) => assert_eq!(parent.join(value.name()).as_ref(), Ok(&value)),
            None => assert!(value.is_root()),
        }
    }
});
