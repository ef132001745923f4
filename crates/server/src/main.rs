//! PureBoot Storage: the service and its command line.

mod boot;
mod cli;
mod clock;
mod commands;
mod core_dumps;
mod descriptors;
mod exit;
mod listeners;
mod logging;
mod notify;
mod output;
mod settings;
mod shutdown;
mod tls;
mod web;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    // First: a helper has secrets too, and showmount inherits the limit.
    core_dumps::switch_off();
    // A helper must be one before any thread or runtime exists.
    storage_backends::helper::run_if_requested();
    // Only an earlier call could make this fail, and there is none; every TLS client of the process uses this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::run()
}
