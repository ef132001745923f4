//! The built binary, from outside.

mod access;
#[path = "../../../storage-backends/tests/support/alone.rs"]
#[expect(clippy::unwrap_used, reason = "shared; what can't be set up fails the test")]
mod alone;
mod boot;
mod boot_checks;
mod buckets;
mod clock;
mod connections;
mod copies;
mod core_dumps;
mod databases;
mod descriptors;
mod discover;
mod fetches;
mod files;
mod full_disk;
mod help;
mod iscsi;
mod jwt;
mod kills;
mod networks;
mod nginx;
mod nobody;
mod operations;
mod pipelining;
#[path = "../../../storage-backends/tests/support/port.rs"]
#[expect(clippy::unwrap_used, reason = "shared; what can't be set up fails the test")]
mod port;
mod probe;
mod readme;
#[path = "../../../storage-backends/tests/support/relay.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared; what can't be set up fails the test"
)]
mod relay;
mod s3;
mod scan;
mod secrets;
mod service;
mod serving;
mod session;
mod settings;
mod signals;
mod sockets;
#[path = "../../../storage-backends/tests/support/tgt.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared; what can't be set up fails the test"
)]
mod tgt;
mod tls;
mod tokens;
mod unit;
mod uploads;
