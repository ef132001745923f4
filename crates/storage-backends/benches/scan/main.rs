//! Compares the walk with `find DIR -type f`, each with the other in one run, and measures its memory. Ends with
//! status 1 where a goal is missed.
//!
//! Slow storage is a file system served through `/dev/fuse` in which every operation takes 300 µs: find and the walk
//! run on it as they are. That needs root; the program starts itself again in a mount namespace of its own, so that
//! nothing is left behind.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use storage_backends::ScanReport;
use storage_backends::scan::{ScanOptions, count_directory_blocking};
use storage_domain::{IgnoredDirectories, TemplatePatterns};

#[path = "../../tests/support/fuse.rs"]
mod fuse;

use fuse::{Mounted, Tree};

/// Set in the process that runs in a mount namespace of its own.
const INSIDE: &str = "SCAN_BENCH_INSIDE";
/// Walks the path that follows, and prints what it counted and the most memory that it took, in kilobytes.
const WALK: &str = "--walk";
/// Rounds of each, several seconds in all. The best counts: other programs can only slow a round down.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().collect();
    if let Some(at) = args.iter().position(|a| a == WALK) {
        return walk_alone(Path::new(&args[at + 1]));
    }
    if nix::unistd::geteuid().is_root() && std::env::var_os(INSIDE).is_none() {
        return again_in_a_namespace();
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scan: {error}");
            ExitCode::FAILURE
        }
    }
}

fn again_in_a_namespace() -> ExitCode {
    let status = std::env::current_exe().and_then(|program| {
        command("unshare")
            .args(["--mount", "--propagation", "private", "--"])
            .arg(program)
            .env(INSIDE, "1")
            .status()
    });
    if status.is_ok_and(|s| s.success()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run() -> io::Result<bool> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut good = local(&dir.path().join("local"))?;
    if !nix::unistd::geteuid().is_root() {
        println!("slow storage and memory: not measured, it needs root");
        return Ok(good);
    }
    good &= slow(&dir.path().join("slow"))?;
    good &= memory(
        &dir.path().join("many"),
        "2 million files in 20,000 directories",
        100,
        200,
        100,
    )?;
    good &= memory(
        &dir.path().join("wide"),
        "400,000 directories in one",
        400_000,
        0,
        0,
    )?;
    Ok(good)
}

/// 200,000 files in 10,000 directories, warm.
fn local(root: &Path) -> io::Result<bool> {
    for outer in 0..100 {
        for inner in 0..100 {
            let dir = root.join(format!("{outer}/{inner}"));
            fs::create_dir_all(&dir)?;
            for file in 0..20 {
                File::create(dir.join(format!("image-{file}.iso")))?;
            }
        }
    }
    compare(
        "200,000 files in 10,000 directories, warm and local",
        root,
        200_000,
        1.0,
    )
}

/// 40,000 files in 2,000 directories, every operation 300 µs.
fn slow(root: &Path) -> io::Result<bool> {
    let tree = Tree {
        outer: 40,
        inner: 50,
        files: 20,
        delay: Duration::from_micros(300),
        typed: true,
        broken_every: 0,
    };
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..3 {
        // Mounted anew each time, so that the kernel knows nothing of it.
        let timed = |who: &dyn Fn(&Path) -> io::Result<()>| {
            fs::create_dir_all(root)?;
            let mounted = Mounted::new(tree, root, 64)?;
            let begun = Instant::now();
            who(root)?;
            let seconds = begun.elapsed().as_secs_f64();
            println!("    {seconds:.3} s, {} operations", mounted.operations());
            Ok::<_, io::Error>(seconds)
        };
        best.0 = best.0.min(timed(&find)?);
        best.1 = best.1.min(timed(&|root| in_process(root, tree.total_files()))?);
    }
    Ok(verdict(
        "40,000 files in 2,040 directories, 300 µs an operation",
        best.0,
        best.1,
        8.0,
    ))
}

fn compare(what: &str, root: &Path, files: u64, goal: f64) -> io::Result<bool> {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        find(root)?;
        best.0 = best.0.min(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        in_process(root, files)?;
        best.1 = best.1.min(begun.elapsed().as_secs_f64());
    }
    Ok(verdict(what, best.0, best.1, goal))
}

fn verdict(what: &str, find: f64, walk: f64, goal: f64) -> bool {
    let ratio = find / walk;
    let word = if ratio >= goal { "met" } else { "MISSED" };
    println!("{what}: find {find:.3} s, walk {walk:.3} s: {ratio:.2} times as fast (goal {goal}, {word})");
    ratio >= goal
}

/// Runs find for its time alone: nobody reads what it prints.
fn find(root: &Path) -> io::Result<()> {
    let status = command("find")
        .arg(root)
        .args(["-type", "f"])
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("find ended with {status}")))
    }
}

fn in_process(root: &Path, files: u64) -> io::Result<()> {
    let report = count(root)?;
    assert_eq!(
        (report.files, report.errors),
        (files, 0),
        "{:?}",
        report.first_error
    );
    Ok(())
}

/// The most memory that a process of its own takes for a tree that exists only as answers.
fn memory(root: &Path, what: &str, outer: u64, inner: u64, files: u64) -> io::Result<bool> {
    const GOAL_KB: u64 = 30_000;
    fs::create_dir_all(root)?;
    let tree = Tree {
        outer,
        inner,
        files,
        delay: Duration::ZERO,
        typed: true,
        broken_every: 0,
    };
    let _mounted = Mounted::new(tree, root, 8)?;
    let begun = Instant::now();
    let output = command(std::env::current_exe()?)
        .arg(WALK)
        .arg(root)
        .stderr(Stdio::inherit())
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<u64> = printed
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    let [found, directories, kb] = numbers[..] else {
        return Err(io::Error::other(format!("the walk printed {printed:?}")));
    };
    assert_eq!(
        (found, directories),
        (tree.total_files(), tree.total_directories())
    );
    let word = if kb < GOAL_KB { "met" } else { "MISSED" };
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what}: {kb} kB at the most, {seconds:.1} s (goal below {GOAL_KB} kB, {word})");
    Ok(kb < GOAL_KB)
}

fn walk_alone(root: &Path) -> ExitCode {
    let Ok(report) = count(root) else {
        return ExitCode::FAILURE;
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .unwrap_or("0")
        .trim();
    println!(
        "{} {} {}",
        report.files,
        report.directories,
        peak.trim_end_matches(" kB")
    );
    ExitCode::SUCCESS
}

fn count(root: &Path) -> io::Result<ScanReport> {
    let templates = TemplatePatterns::default();
    let ignored = IgnoredDirectories::default();
    let options = ScanOptions::of_directory(&templates, &ignored, false);
    count_directory_blocking(root, &options, |_, _| {}).map_err(io::Error::other)
}

fn command(program: impl Into<PathBuf>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "what is measured is started here")]
    Command::new(program.into())
}
