//! One file a command: its arguments, and what it does.

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

/// Runs a command's future on a runtime of its own, and leaves what is still running behind: a thread that hangs in
/// the kernel must not keep the process.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("pureboot-work")
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    let out = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(out)
}
