//! An index page may be any page of the web.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::http::listing::html::read;

mod child;

fuzz_target!(|text: &[u8]| {
    let page = child::page();
    let _ = read(&page, text, &mut |entry| child::check(&page, &entry));
});
