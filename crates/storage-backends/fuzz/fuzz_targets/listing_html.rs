//! An index page may be any page of the web.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::http::listing::Format;

mod child;

fuzz_target!(|text: &[u8]| child::check(Format::Html, text));
