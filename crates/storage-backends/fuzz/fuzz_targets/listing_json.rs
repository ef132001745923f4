//! JSON may be anything but nginx's or Caddy's listing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::http::listing::json::read;

mod child;

fuzz_target!(|text: &[u8]| {
    let page = child::page();
    let _ = read(&page, text, &mut |entry| child::check(&page, &entry));
});
