//! The first page of a large directory, by a helper that has just begun.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::Stdio;

use storage_backends::{OpContext, PageRequest};
use storage_domain::FilePath;

use crate::{LIMIT, command, helpers, of_children, this};

/// Makes this program list the directory that follows.
pub(crate) const ARG: &str = "--list";

/// Entries of a page, as clients get them if they ask for no other number.
const PAGE: usize = 1000;
const LARGE: (&str, usize) = ("large", 100_000);
const SMALL: (&str, usize) = ("small", PAGE);

/// Makes a large directory, and one of a page.
pub(crate) fn prepare(dir: &Path) -> io::Result<()> {
    for (name, entries) in [LARGE, SMALL] {
        let place = dir.join(name);
        fs::create_dir(&place)?;
        for number in 0..entries {
            File::create(place.join(format!("image-{number}.iso")))?;
        }
    }
    Ok(())
}

/// The processor seconds of `ls -f`, and of the first page here.
pub(crate) fn compare(dir: &Path) -> io::Result<(f64, f64)> {
    let large = dir.join(LARGE.0);
    let before = of_children()?;
    let listed = command("ls")
        .arg("-f")
        .arg(&large)
        .stdout(Stdio::null())
        .status()?;
    if !listed.success() {
        return Err(io::Error::other(format!("ls: {listed}")));
    }
    let theirs = of_children()? - before;
    memory_of(&large)?;
    Ok((theirs, of_children()? - before - theirs))
}

/// The peak memory in MB of a process that asks for the first page of a small directory, and of a large one.
pub(crate) fn memory(dir: &Path) -> io::Result<(f64, f64)> {
    Ok((memory_of(&dir.join(SMALL.0))?, memory_of(&dir.join(LARGE.0))?))
}

/// Has a process list a directory; its helpers' memory does not count.
fn memory_of(dir: &Path) -> io::Result<f64> {
    let mut lister = this()?.arg(ARG).arg(dir).stdout(Stdio::piped()).spawn()?;
    let mut kib = String::new();
    if let Some(mut out) = lister.stdout.take() {
        out.read_to_string(&mut kib)?;
    }
    let ended = lister.wait()?;
    let kib: f64 = kib
        .trim()
        .parse()
        .map_err(|_| io::Error::other(format!("the listing: {ended}")))?;
    Ok(kib / 1024.0)
}

/// Lists the first page in this process, and prints the most memory that it had.
pub(crate) fn list_here(dir: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (queue, place) = helpers(dir);
    let page = PageRequest {
        after: None,
        limit: PAGE,
    };
    let page = runtime
        .block_on(queue.list_files(&OpContext::within(LIMIT), &place, &FilePath::root(), &page))
        .map_err(io::Error::other)?;
    assert_eq!(page.entries.len(), PAGE, "a page is full");
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    println!(
        "{}",
        kib.ok_or_else(|| io::Error::other("the kernel does not say VmHWM"))?
    );
    Ok(())
}
