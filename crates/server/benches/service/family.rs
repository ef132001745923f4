//! A server with all that it started: the service's helpers count as the service.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// The unit of processor times (sysconf(3), `_SC_CLK_TCK`), which is the same on all of Linux.
const TICKS_PER_SECOND: u64 = 100;

/// A process and its descendants, as far as they live.
pub(crate) fn of(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let stat = pid.and_then(stat);
        let parent = stat.and_then(|stat| fields(&stat).nth(1)?.parse().ok());
        if let (Some(pid), Some(parent)) = (pid, parent) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// The processor time of a process and its descendants, with those that have ended.
pub(crate) fn processor_time(root: u32) -> Duration {
    of(root)
        .into_iter()
        .filter_map(|pid| Some(time(&stat(pid)?, 4)))
        .sum()
}

/// The resident memory of a process and its descendants in MB.
pub(crate) fn memory(root: u32) -> f64 {
    of(root).into_iter().filter_map(resident_mb).sum()
}

/// The resident memory of a process in MB; `None` if it has ended.
pub(crate) fn resident_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    Some(kib * 1024.0 / 1_000_000.0)
}

/// The first so many of `utime`, `stime`, `cutime` and `cstime`, added up.
pub(crate) fn time(stat: &str, count: usize) -> Duration {
    let times = fields(stat).skip(11).take(count);
    let ticks: u64 = times.map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

fn stat(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// The fields after the name, which is in parentheses (proc_pid_stat(5)): the state is the third of all.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit(") ").next().unwrap_or_default().split(' ')
}
