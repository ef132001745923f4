//! Measures the processor time of the service's side and the helpers for files, each with the other in one run:
//! `cargo bench --bench files`. Ends with status 1 where a goal is missed.
//!
//! An upload of 1 GiB is compared with `cp` and `sha256sum`, 16 downloads of 256 MiB, in pieces and by splice(2), with nginx
//! and sendfile(2), the first page of 100,000 entries with `ls -f`, and its memory with that of a directory of one page. The
//! directory is in memory: what is measured is the way to the storage and from it, and neither the storage nor HTTP.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

mod download;
mod list;
mod upload;

use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use storage_backends::helper::{self, FilesPlace, FilesRoot, HelperQueue, Queues};
use storage_domain::BackendId;

/// A directory in memory.
const MEMORY: &str = "/dev/shm";
/// How often each is measured; the best counts, since other programs can only add to it.
const ROUNDS: usize = 3;
/// How long anything may take.
const LIMIT: Duration = Duration::from_mins(5);
/// Of the processor time of `cp` and `sha256sum`, and of nginx, how much these may take.
const UPLOAD_GOAL: f64 = 2.0;
const DOWNLOAD_GOAL: f64 = 8.0;
const SPLICED_GOAL: f64 = 2.0;
/// The same of `ls -f`, and of the memory of a process that lists a small directory.
const LIST_GOAL: f64 = 2.0;
const MEMORY_GOAL: f64 = 1.1;

fn main() -> ExitCode {
    helper::run_if_requested();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [upload::ARG, source, dir] => upload::upload_here(source, dir).map(|()| true),
        [way @ (download::PIECES | download::SPLICED), dir] => download::serve_here(way, dir).map(|()| true),
        [list::ARG, dir] => list::list_here(dir).map(|()| true),
        _ => run(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("files: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<bool> {
    let dir = tempfile::tempdir_in(MEMORY)?;
    let dir = dir.path();
    upload::prepare(dir)?;
    let uploads = best(|| upload::compare(dir))?;
    let mut good = verdict("upload", "cp and sha256sum", "s/GiB", uploads, UPLOAD_GOAL);
    download::prepare(dir)?;
    let downloads = best(|| download::compare(download::PIECES, dir))?;
    good &= verdict("16 downloads", "nginx", "s/GiB", downloads, DOWNLOAD_GOAL);
    let spliced = best(|| download::compare(download::SPLICED, dir))?;
    good &= verdict("16 by splice", "nginx", "s/GiB", spliced, SPLICED_GOAL);
    list::prepare(dir)?;
    let pages = best(|| list::compare(dir))?;
    good &= verdict("first page of 100,000", "ls -f", "s", pages, LIST_GOAL);
    let memory = best(|| list::memory(dir))?;
    good &= verdict("memory for it", "a directory of 1,000", "MB", memory, MEMORY_GOAL);
    Ok(good)
}

/// Measures both some times, and returns the least of each.
fn best(measure: impl Fn() -> io::Result<(f64, f64)>) -> io::Result<(f64, f64)> {
    (0..ROUNDS).try_fold((f64::MAX, f64::MAX), |best, _| {
        let (theirs, ours) = measure()?;
        Ok((best.0.min(theirs), best.1.min(ours)))
    })
}

/// Prints what the peer needs, what this needs, and whether that is within the goal.
fn verdict(what: &str, peer: &str, unit: &str, (theirs, ours): (f64, f64), goal: f64) -> bool {
    let ratio = ours / theirs;
    let word = if ratio <= goal { "met" } else { "MISSED" };
    println!(
        "{what}: {peer} {theirs:.3} {unit}, this {ours:.3} {unit}: {ratio:.2} times (goal {goal}, {word})"
    );
    ratio <= goal
}

/// The processor seconds of the children that ended so far, and of those that they waited for.
fn of_children() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| Duration::from_micros(time.num_microseconds().unsigned_abs()).as_secs_f64();
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Returns the helpers of a directory.
fn helpers(dir: &str) -> (Arc<HelperQueue>, FilesPlace) {
    let place = FilesPlace {
        root: FilesRoot::new(dir),
        patience: LIMIT,
        idle: FilesPlace::IDLE,
    };
    (Queues::default().of(BackendId::generate()), place)
}

fn this() -> io::Result<Command> {
    std::env::current_exe().map(command)
}

fn command(program: impl Into<PathBuf>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "what is measured is started here")]
    Command::new(program.into())
}
