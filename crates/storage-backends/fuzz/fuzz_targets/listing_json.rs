//! JSON may be anything but nginx's or Caddy's listing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::http::listing::Format;

mod child;

fuzz_target!(|text: &[u8]| child::check(Format::Json, text));
