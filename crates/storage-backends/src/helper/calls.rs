//! Makes the calls that touch a mount: here alone, and in a helper process alone.

mod access;
mod holders;
mod mount;
mod mount_point;

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sys::resource::{Resource, setrlimit};
use storage_domain::{ByteCount, Capacity, IgnoredDirectories, TemplatePatterns};

use super::EXIT_PROTOCOL;
use super::protocol::{self, Call, CallFailure, Reply, ScanCall, Step, UnmountCall, UnmountWay};
use crate::scan::{ScanOptions, count_directory_blocking};

/// Makes one call and writes its answer; exits if the service no longer listens.
pub(super) fn run(call: Call) {
    let reply = match call {
        Call::Mount(call) => mount::mount(&call),
        Call::Record { file, content } => record(&file, &content),
        Call::Unmount(call) => unmount(&call),
        Call::Remove { place } => mount_point::remove(place.as_ref()),
        Call::Sweep { dir } => mount_point::sweep(&dir),
        Call::Holders(call) => holders::holders(&call),
        Call::Statfs { path } => statfs(&path),
        Call::Access { path } => access::readable(&path),
        Call::Scan(call) => scan(&call),
    };
    answer(&reply.unwrap_or_else(Reply::Failed));
}

fn answer(reply: &Reply) {
    if protocol::write(&mut io::stdout().lock(), reply).is_err() {
        std::process::exit(EXIT_PROTOCOL);
    }
}

fn failure(step: Step, error: &io::Error) -> CallFailure {
    CallFailure {
        step,
        errno: error.raw_os_error().unwrap_or(Errno::EIO as i32),
        label: None,
    }
}

/// Returns the kernel's error number right after a failed call: its NFS client has numbers that nix does not know.
fn raw(errno: Errno) -> io::Error {
    match errno {
        Errno::UnknownErrno => io::Error::last_os_error(),
        known => known.into(),
    }
}

/// Writes the record of a mount in place: what is there after a kill is the beginning of it, which can't be read.
fn record(file: &Path, content: &serde_json::Value) -> Result<Reply, CallFailure> {
    std::fs::write(file, content.to_string()).map_err(|e| failure(Step::Record, &e))?;
    Ok(Reply::Recorded)
}

#[expect(clippy::disallowed_methods, reason = "umount2(2) is called here")]
fn unmount(call: &UnmountCall) -> Result<Reply, CallFailure> {
    let mut flags = MntFlags::UMOUNT_NOFOLLOW;
    flags.set(MntFlags::MNT_FORCE, call.way == UnmountWay::Force);
    flags.set(MntFlags::MNT_DETACH, call.way == UnmountWay::Detach);
    umount2(call.place.as_os_str(), flags).map_err(|e| failure(Step::Unmount, &raw(e)))?;
    Ok(Reply::Unmounted)
}

#[expect(clippy::disallowed_methods, reason = "statvfs(3) is called here")]
fn statfs(path: &Path) -> Result<Reply, CallFailure> {
    let full = nix::sys::statvfs::statvfs(path).map_err(|e| failure(Step::Statfs, &raw(e)))?;
    let size = full.fragment_size();
    let used = full.blocks().saturating_sub(full.blocks_free());
    Ok(Reply::Capacity(Capacity {
        used: ByteCount::of_blocks(used, size),
        total: ByteCount::of_blocks(full.blocks(), size),
        available: ByteCount::of_blocks(full.blocks_available(), size),
    }))
}

fn scan(call: &ScanCall) -> Result<Reply, CallFailure> {
    let failed = |error: &io::Error| failure(Step::Scan, error);
    let invalid = |_| failed(&io::ErrorKind::InvalidInput.into());
    let templates = TemplatePatterns::new(&call.templates).map_err(invalid)?;
    let ignored = IgnoredDirectories::new(&call.ignored).map_err(invalid)?;
    let limit = call.max_memory;
    setrlimit(Resource::RLIMIT_DATA, limit, limit).map_err(|e| failed(&e.into()))?;
    let progress = |files, directories| answer(&Reply::Progress { files, directories });
    let options = ScanOptions::of_directory(&templates, &ignored, call.bytes);
    count_directory_blocking(&call.root, &options, progress)
        .map(Reply::Scanned)
        .map_err(|error| failed(error.io_source().unwrap_or(&io::ErrorKind::Other.into())))
}
