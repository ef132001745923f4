//! What showmount prints comes from servers that may be hostile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::nfs::exports::{MAX_LINES, parse};

fuzz_target!(|printed: &[u8]| {
    let list = parse(printed);
    assert!(list.exports.len() <= MAX_LINES);
    for export in list.exports.iter().take(50) {
        assert!(export.path.as_str().starts_with('/'));
        assert!(!export.path.as_str().contains(char::is_control));
        assert!(!export.clients.contains(char::is_control));
        assert!(list.find(&export.path).is_some());
        assert!(!list.nearest(&export.path, 3).is_empty());
    }
});
