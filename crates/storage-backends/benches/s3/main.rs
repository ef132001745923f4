//! Compares the scan of a bucket of 100,000 objects with `rclone size`, each with the other in one run against the same
//! server: `cargo bench --bench s3`. Ends with status 1 where a goal is missed.
//!
//! The server is s3s, which verifies signatures and writes S3's XML, over objects in memory: what is measured is mostly
//! the clients. It runs in a process of its own, and so does each scan, as rclone does.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

mod clients;
mod server;

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
            best.0 = best.0.min(timed(|| clients::rclone(&server.url(), bucket))?);
            best.1 = best.1.min(timed(|| clients::scan(&server.url(), bucket))?);
        }
        good &= verdict(bucket, best.0, best.1);
    }
    Ok(good)
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

fn verdict(bucket: &str, rclone: Duration, scan: Duration) -> bool {
    let (rclone, scan) = (rclone.as_secs_f64(), scan.as_secs_f64());
    let ratio = rclone / scan;
    let word = if ratio >= GOAL { "met" } else { "MISSED" };
    println!(
        "{OBJECTS} objects, {bucket}: rclone size {rclone:.3} s, scan {scan:.3} s: {ratio:.2} times as fast (goal {GOAL}, {word})"
    );
    ratio >= GOAL
}
