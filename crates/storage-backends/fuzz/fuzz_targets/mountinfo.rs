//! The table of mounts holds what servers and users named, escaped by the kernel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_backends::mount::table::parse;

fuzz_target!(|table: &[u8]| {
    for entry in parse(table) {
        let _ = (entry.is_read_write(), entry.host_and_path(), entry.option("addr"), entry.has_flag("ro"));
    }
});
