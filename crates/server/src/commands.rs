//! One file a command: its arguments, and what it does.

mod database;
pub(crate) mod files;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod probe;
pub(crate) mod scan;
pub(crate) mod serve;
pub(crate) mod token;
mod trail;

use std::future::Future;

use anyhow::Context;

/// Threads that background work runs on; the web server has its own.
const RUNTIME_THREADS: usize = 2;

/// How much less of the processor background work gets than requests, if both want it (nice(2)).
const BACKGROUND_NICE: i32 = 10;

/// Lets requests of clients go first: what a hostile server sends may take long to parse.
///
/// On Linux the priority is one of the thread alone (setpriority(2), "C library/kernel differences").
fn yield_to_clients() {
    if let Err(error) = rustix::process::setpriority_process(None, BACKGROUND_NICE) {
        tracing::debug!(%error, "the priority of background work stays as it is");
    }
}

/// Runs a command's future on a runtime of its own, and leaves what is still running behind: a thread that hangs in
/// the kernel must not keep the process.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("pureboot-work")
        .on_thread_start(yield_to_clients)
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    let out = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(out)
}
