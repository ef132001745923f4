//! Finding the processes that keep a mount in use.
//!
//! Only links and texts of `/proc` are read. They show what the kernel has in memory: no path that leads onto the mount
//! is followed, so that a dead server can't hold the search up.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::failure;
use crate::helper::protocol::{CallFailure, HoldersCall, Reply, Step};
use crate::holders::{Holder, Holders};

/// How long the search goes on.
const TIME: Duration = Duration::from_millis(1500);
/// How much of the table of a process's mapped files is read.
const MAX_MAPS_BYTES: u64 = 1 << 20;
/// How long a command's name may be: the kernel's own bound, with room for what is no UTF-8.
const MAX_COMMAND_CHARS: usize = 64;

/// What a process is looked at for.
struct Search<'a> {
    place: &'a [u8],
    mount: u32,
    namespace: PathBuf,
    until: Instant,
}

pub(super) fn holders(call: &HoldersCall) -> Result<Reply, CallFailure> {
    let namespace = fs::read_link("/proc/self/ns/mnt").map_err(|e| failure(Step::Holders, &e))?;
    let search = Search {
        place: call.place.as_bytes(),
        mount: call.mount,
        namespace,
        until: Instant::now() + TIME,
    };
    let processes = processes().map_err(|e| failure(Step::Holders, &e))?;
    let mut found = search.among(&processes, Search::holds);
    if found.found.is_empty() {
        // A mapped file is rare, and its table is long.
        let mapped = search.among(&processes, Search::maps);
        found.found = mapped.found;
        found.cut_short |= mapped.cut_short;
    }
    Ok(Reply::Holders(found))
}

/// The numbers of all other processes.
fn processes() -> io::Result<Vec<u32>> {
    let own = std::process::id();
    let names = fs::read_dir("/proc")?.flatten().map(|entry| entry.file_name());
    let mut pids: Vec<u32> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    pids.retain(|pid| *pid != own);
    pids.sort_unstable();
    Ok(pids)
}

impl Search<'_> {
    fn among(&self, pids: &[u32], is_holder: impl Fn(&Self, &Path) -> io::Result<bool>) -> Holders {
        let mut holders = Holders::default();
        for pid in pids {
            if Instant::now() >= self.until || holders.found.len() >= Holders::MAX_LISTED {
                holders.cut_short = true;
                break;
            }
            let process = PathBuf::from(format!("/proc/{pid}"));
            match is_holder(self, &process) {
                Ok(true) => holders.found.push(Holder {
                    pid: *pid,
                    command: command(&process),
                }),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => holders.unseen += 1,
                // It is gone.
                Ok(false) | Err(_) => {}
            }
        }
        holders
    }

    /// Whether a process stands on the mount, runs a program of it, or has a file of it open.
    fn holds(&self, process: &Path) -> io::Result<bool> {
        if self.is_neighbour(process)? {
            for link in ["cwd", "root", "exe"] {
                if fs::read_link(process.join(link)).is_ok_and(|to| self.is_below(to.as_os_str())) {
                    return Ok(true);
                }
            }
        }
        for entry in fs::read_dir(process.join("fd"))?.flatten() {
            let below = fs::read_link(entry.path()).is_ok_and(|to| self.is_below(to.as_os_str()));
            if below && self.is_on_mount(&process.join("fdinfo").join(entry.file_name())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a process has a file of the mount in its memory.
    fn maps(&self, process: &Path) -> io::Result<bool> {
        if !self.is_neighbour(process)? {
            return Ok(false);
        }
        let mut table = Vec::new();
        fs::File::open(process.join("maps"))?
            .take(MAX_MAPS_BYTES)
            .read_to_end(&mut table)?;
        let mut paths = table.split(|b| *b == b'\n').filter_map(|line| {
            let begin = line.iter().position(|b| *b == b'/')?;
            line.get(begin..)
        });
        Ok(paths.any(|path| self.is_below(OsStr::from_bytes(path))))
    }

    /// Whether a process sees this process's mounts: elsewhere the same path is another place.
    fn is_neighbour(&self, process: &Path) -> io::Result<bool> {
        Ok(fs::read_link(process.join("ns/mnt"))? == self.namespace)
    }

    fn is_below(&self, path: &OsStr) -> bool {
        let rest = path.as_bytes().strip_prefix(self.place);
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b' ')))
    }

    /// Whether an open file is on this very mount (proc_pid_fdinfo(5)).
    fn is_on_mount(&self, info: &Path) -> bool {
        let text = fs::read_to_string(info).unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
        id.is_some_and(|id| id.trim().parse() == Ok(self.mount))
    }
}

/// A process's short name, fit to be shown.
fn command(process: &Path) -> String {
    let name = fs::read(process.join("comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(&name);
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    name.trim_end_matches('\n')
        .chars()
        .take(MAX_COMMAND_CHARS)
        .map(printable)
        .collect()
}

#[cfg(test)]
mod tests;
