//! Making a mount point and mounting on it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;

use super::{failure, mount_point, raw};
use crate::helper::protocol::{Attempt, CallFailure, MountCall, Reply, Step};

/// The flags of every mount: nothing on it can raise anyone's rights on this host.
const ALWAYS: MsFlags = MsFlags::MS_NOSUID
    .union(MsFlags::MS_NODEV)
    .union(MsFlags::MS_NOEXEC);

pub(super) fn mount(call: &MountCall) -> Result<Reply, CallFailure> {
    make_mount_point(&call.target).map_err(|e| failure(Step::MountPoint, &e))?;
    let mounted = negotiate(&call.attempts, |attempt| mount_once(call, attempt));
    if mounted.is_err() {
        // Not there any more, or not empty after all: either way it is not this call's to mend.
        let _ = mount_point::remove_dir(&call.target);
    }
    mounted.map(|()| Reply::Mounted)
}

/// Calls mount(2); fails with the kernel's error number.
#[expect(clippy::disallowed_methods, reason = "the one door to mount(2)")]
fn mount_once(call: &MountCall, attempt: &Attempt) -> Result<(), i32> {
    let flags = MsFlags::from_bits_retain(call.flags) | ALWAYS;
    nix::mount::mount(
        Some(call.source.as_str()),
        &call.target,
        Some(call.fstype.as_str()),
        flags,
        Some(attempt.data.as_str()),
    )
    .map_err(|e| raw(e).raw_os_error().unwrap_or(Errno::EIO as i32))
}

/// Replaces the mount point by an empty directory. Nobody may use it while nothing is mounted on it, not even root if
/// the file system below knows immutable directories. Removing what is there succeeds only for an empty
/// directory that is neither a link nor a mount point.
fn make_mount_point(target: &Path) -> io::Result<()> {
    let parent = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
    if let Err(e) = DirBuilder::new().recursive(true).mode(0o700).create(parent)
        && e.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(e);
    }
    let meta = fs::symlink_metadata(parent)?;
    let private = meta.is_dir() && meta.uid() == nix::unistd::geteuid().as_raw() && meta.mode() & 0o022 == 0;
    if !private {
        return Err(Errno::EPERM.into());
    }
    match mount_point::remove_dir(target) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(target)?;
    mount_point::close(target)
}

/// Tries one set of options after the other, as long as the failure may be about them alone.
///
/// A server that does not have the source, refuses it or its port to one family of attempts may serve it to another;
/// the other attempts of the same family are skipped then. Fails with the first failure that is about more than the
/// options, and with a closed port only if no other failed.
fn negotiate(
    attempts: &[Attempt],
    mut try_mount: impl FnMut(&Attempt) -> Result<(), i32>,
) -> Result<(), CallFailure> {
    let mut reported: Option<CallFailure> = None;
    let mut skipped: Option<&str> = None;
    for attempt in attempts {
        if skipped == Some(attempt.family.as_str()) {
            continue;
        }
        let Err(errno) = try_mount(attempt) else {
            return Ok(());
        };
        let failure = CallFailure {
            step: Step::Mount,
            errno,
            label: Some(attempt.label.clone()),
        };
        reported = match reported {
            Some(earlier) if weight(&earlier) >= weight(&failure) => Some(earlier),
            _ => Some(failure),
        };
        match Errno::from_raw(errno) {
            errno if is_about_options(errno) => {}
            Errno::ENOENT | Errno::EPERM | Errno::EACCES | Errno::ECONNREFUSED => {
                skipped = Some(attempt.family.as_str());
            }
            _ => break,
        }
    }
    Err(reported.unwrap_or(CallFailure {
        step: Step::Mount,
        errno: Errno::EINVAL as i32,
        label: None,
    }))
}

fn is_about_options(errno: Errno) -> bool {
    matches!(errno, Errno::EPROTONOSUPPORT | Errno::EINVAL | Errno::EOPNOTSUPP)
}

/// How much a failure says about why nothing was mounted.
fn weight(failure: &CallFailure) -> u8 {
    match Errno::from_raw(failure.errno) {
        errno if is_about_options(errno) => 0,
        Errno::ECONNREFUSED => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
