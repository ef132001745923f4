//! Compares the scan of a bucket of 100,000 objects with `rclone size`, and the upload and download of 1 GiB with `rclone
//! copyto`, each with the other in one run against the same server: `cargo bench --bench s3`. Ends with status 1 where a goal is missed.
//!
//! The server is s3s, which verifies signatures and writes S3's XML, over objects in memory: what is measured is mostly
//! the clients. It runs in a process of its own, and so does each scan, as rclone does.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

mod clients;
mod memory;
mod server;
mod transfers;

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clients::Counted;
use server::{BUCKETS, OBJECTS, Server, total_bytes};

/// How often each is measured; the best counts, since other programs can only add to it.
const ROUNDS: usize = 5;
/// How many times as fast as rclone the scan is at the least.
const GOAL: f64 = 1.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [server::ARG, ..] => server::serve().map(|()| true),
        [
            direction @ (transfers::UPLOAD | transfers::DOWNLOAD),
            endpoint,
            path,
        ] => transfers::transfer_here(direction, endpoint, path).map(|()| true),
        [clients::ARG, endpoint, bucket] => clients::scan_here(endpoint, bucket).map(|()| true),
        _ => run(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("s3: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<bool> {
    let server = Server::start()?;
    let mut good = true;
    for bucket in BUCKETS {
        let mut best = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            best.0 = best.0.min(timed(|| clients::count(&server.url(), bucket))?);
            best.1 = best.1.min(timed(|| clients::scan(&server.url(), bucket))?);
        }
        let what = format!("{OBJECTS} objects, {bucket}");
        good &= verdict(&what, ("rclone size", best.0), ("scan", best.1));
    }
    Ok(good & transfers(&server)?)
}

/// How long a count takes, which has to be right.
fn timed(count: impl FnOnce() -> io::Result<Counted>) -> io::Result<Duration> {
    let begun = Instant::now();
    let counted = count()?;
    let took = begun.elapsed();
    if counted == (OBJECTS, total_bytes()) {
        Ok(took)
    } else {
        Err(io::Error::other(format!("counted {counted:?}")))
    }
}

/// Compares both directions of a transfer.
fn transfers(server: &Server) -> io::Result<bool> {
    let dir = tempfile::tempdir()?;
    let (source, target) = (dir.path().join("source"), dir.path().join("target"));
    transfers::fill(&source)?;
    let mut good = true;
    for direction in [transfers::UPLOAD, transfers::DOWNLOAD] {
        let mut best = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            let (theirs, ours) = transfers::compare(&server.url(), direction, &source, &target)?;
            best = (best.0.min(theirs), best.1.min(ours));
        }
        let what = format!("1 GiB, {}", direction.trim_start_matches('-'));
        good &= verdict(&what, ("rclone copyto", best.0), ("this", best.1));
    }
    Ok(good)
}

fn verdict(what: &str, theirs: (&str, Duration), ours: (&str, Duration)) -> bool {
    let (theirs, rclone) = (theirs.0, theirs.1.as_secs_f64());
    let (ours, took) = (ours.0, ours.1.as_secs_f64());
    let ratio = rclone / took;
    let word = if ratio >= GOAL { "met" } else { "MISSED" };
    println!(
        "{what}: {theirs} {rclone:.3} s, {ours} {took:.3} s: {ratio:.2} times as fast (goal {GOAL}, {word})"
    );
    ratio >= GOAL
}
