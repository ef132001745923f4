//! Core dumps, which would hold every secret of the process.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// Switches them off, for this process and for the programs that it starts. Other processes of the same user can't read
/// its memory from then on.
///
/// A refusal is not reported: systemd's filter of system calls refuses setrlimit(2), and the unit sets the limit.
pub(crate) fn switch_off() {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = prctl::set_dumpable(false);
}
