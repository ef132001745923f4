//! File descriptors: clients' connections leave enough of them for the service's own work.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the service needs beside its clients: the database, the probes of as many tests as run at once, with
/// their connections, and the pipes of helper processes.
const OWN: u64 = 512;
/// What is left to clients at the least.
const FEWEST: u64 = 16;

/// Sees to it that so many connections can be open beside `others`, and answers how many can. A process without a free
/// descriptor could not test a backend, and would take it for broken.
pub(crate) fn for_connections(wanted: usize, others: usize) -> usize {
    let [count, others] = [wanted, others].map(|number| u64::try_from(number).unwrap_or(u64::MAX));
    let own = others.saturating_add(OWN);
    let needed = count.saturating_add(own);
    let limit = raised_to(needed);
    if limit >= needed {
        return wanted;
    }
    let room = limit.saturating_sub(own).max(FEWEST);
    tracing::warn!(
        limit,
        max_connections = room,
        "this process may open too few files for max_connections = {wanted}, so that fewer are let in: raise the limit to \
         {needed} (LimitNOFILE= of the unit, or ulimit -n), or lower max_connections"
    );
    usize::try_from(room).unwrap_or(wanted)
}

/// The limit of open files, raised as far as it may be if it is lower than `needed`.
fn raised_to(needed: u64) -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return u64::MAX;
    };
    let raised = needed.min(hard);
    if soft < raised && setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() {
        raised
    } else {
        soft
    }
}
