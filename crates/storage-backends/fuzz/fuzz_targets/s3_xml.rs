//! Listings and errors are XML of a foreign server.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::s3::xml::{Answer, MAX_ENTRIES, read};

fuzz_target!(|text: &[u8]| {
    if let Some(Answer::Listing(page)) = read(text) {
        assert!(page.objects.len() + page.prefixes.len() <= MAX_ENTRIES);
        assert!(page.objects.iter().all(|object| !object.key.is_empty()));
    }
});
