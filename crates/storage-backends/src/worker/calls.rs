//! The calls that touch a mount: the only place that makes them, and only in a worker process.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::MsFlags;
use storage_domain::{ByteCount, Capacity, TemplatePatterns};

use super::EXIT_PROTOCOL;
use super::protocol::{self, Attempt, Call, CallFailure, MountCall, Reply, ScanCall, Step};
use crate::nfs::scan::{WalkOptions, walk};

/// The flags of every mount: nothing on it can raise anyone's rights on this host.
const ALWAYS: MsFlags = MsFlags::MS_NOSUID
    .union(MsFlags::MS_NODEV)
    .union(MsFlags::MS_NOEXEC);
/// How often a scan tells how far it is, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Makes one call and writes its answer. A service that no longer listens ends the worker.
pub(super) fn run(call: Call) {
    let reply = match call {
        Call::Mount(call) => mount(&call),
        Call::Statfs { path } => statfs(&path),
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
        version: None,
    }
}

fn mount(call: &MountCall) -> Result<Reply, CallFailure> {
    make_mount_point(&call.target).map_err(|e| failure(Step::MountPoint, &e))?;
    let mounted = negotiate(&call.attempts, |attempt| mount_once(call, attempt));
    if mounted.is_err() {
        // Not there any more, or not empty after all: either way it is not this call's to mend.
        let _ = fs::remove_dir(&call.target);
    }
    mounted.map(|()| Reply::Mounted)
}

#[expect(clippy::disallowed_methods, reason = "the one door to mount(2)")]
fn mount_once(call: &MountCall, attempt: &Attempt) -> Result<(), Errno> {
    let flags = MsFlags::from_bits_truncate(call.flags) | ALWAYS;
    nix::mount::mount(
        Some(call.source.as_str()),
        &call.target,
        Some("nfs"),
        flags,
        Some(attempt.data.as_str()),
    )
}

/// Makes the mount point anew: an empty directory that nobody may use while nothing is mounted on it. Removing what is
/// there succeeds only for an empty directory that is neither a link nor a mount point.
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
    match fs::remove_dir(target) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    DirBuilder::new().mode(0o000).create(target)
}

/// Tries one version after the other. A server that exports nothing under this path in NFSv4's name space may still do
/// so in version 3 (RFC 7530, section 7), so that the other versions 4 are skipped then.
///
/// The failure that is told is the first that is about more than the version.
fn negotiate(
    attempts: &[Attempt],
    mut try_mount: impl FnMut(&Attempt) -> Result<(), Errno>,
) -> Result<(), CallFailure> {
    let mut told: Option<CallFailure> = None;
    let mut skip_v4 = false;
    for attempt in attempts {
        let is_v4 = attempt.version.starts_with('4');
        if skip_v4 && is_v4 {
            continue;
        }
        let Err(errno) = try_mount(attempt) else {
            return Ok(());
        };
        let failure = CallFailure {
            step: Step::Mount,
            errno: errno as i32,
            version: Some(attempt.version.clone()),
        };
        let version_only = matches!(errno, Errno::EPROTONOSUPPORT | Errno::EINVAL | Errno::EOPNOTSUPP);
        let other_name_space = is_v4 && matches!(errno, Errno::ENOENT | Errno::EPERM | Errno::EACCES);
        told = match told {
            Some(told) if version_only || !is_version_only(&told) => Some(told),
            _ => Some(failure),
        };
        if !version_only && !other_name_space {
            break;
        }
        skip_v4 |= other_name_space;
    }
    Err(told.unwrap_or(CallFailure {
        step: Step::Mount,
        errno: Errno::EINVAL as i32,
        version: None,
    }))
}

fn is_version_only(failure: &CallFailure) -> bool {
    matches!(
        Errno::from_raw(failure.errno),
        Errno::EPROTONOSUPPORT | Errno::EINVAL | Errno::EOPNOTSUPP
    )
}

#[expect(clippy::disallowed_methods, reason = "the one door to statvfs(3)")]
fn statfs(path: &Path) -> Result<Reply, CallFailure> {
    let full = nix::sys::statvfs::statvfs(path).map_err(|e| failure(Step::Statfs, &e.into()))?;
    let size = full.fragment_size();
    let used = full.blocks().saturating_sub(full.blocks_free());
    Ok(Reply::Capacity(Capacity {
        used: ByteCount::of_blocks(used, size),
        total: ByteCount::of_blocks(full.blocks(), size),
        available: ByteCount::of_blocks(full.blocks_available(), size),
    }))
}

fn scan(call: &ScanCall) -> Result<Reply, CallFailure> {
    let templates = TemplatePatterns::new(&call.templates)
        .map_err(|_| failure(Step::Scan, &io::ErrorKind::InvalidInput.into()))?;
    let options = WalkOptions {
        templates,
        bytes: call.bytes,
        threads: WalkOptions::DEFAULT_THREADS,
    };
    let told = Mutex::new(Instant::now());
    let tell = |files, directories| {
        let Ok(mut last) = told.try_lock() else { return };
        if last.elapsed() >= PROGRESS_INTERVAL {
            *last = Instant::now();
            answer(&Reply::Progress { files, directories });
        }
    };
    walk(&call.root, &options, &tell, &AtomicBool::new(false))
        .map(Reply::Scanned)
        .map_err(|e| failure(Step::Scan, &e))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn attempts(versions: &[&str]) -> Vec<Attempt> {
        let attempt = |v: &&str| Attempt {
            version: (*v).to_owned(),
            data: format!("vers={v}"),
        };
        versions.iter().map(attempt).collect()
    }

    /// What negotiation tries, and what it ends with, where each version answers as told.
    fn run(answers: &[(&str, Errno)], versions: &[&str]) -> (Vec<String>, Option<(Errno, String)>) {
        let mut tried = Vec::new();
        let ended = negotiate(&attempts(versions), |a| {
            tried.push(a.version.clone());
            match answers.iter().find(|(v, _)| *v == a.version) {
                Some((_, errno)) => Err(*errno),
                None => Ok(()),
            }
        });
        let failed = ended
            .err()
            .map(|f| (Errno::from_raw(f.errno), f.version.unwrap_or_default()));
        (tried, failed)
    }

    const ALL: [&str; 4] = ["4.2", "4.1", "4.0", "3"];

    #[test]
    fn an_older_version_is_tried_where_the_server_does_not_speak_the_newer() {
        let no = Errno::EPROTONOSUPPORT;
        assert_eq!(run(&[("4.2", no), ("4.1", no)], &ALL).0, ["4.2", "4.1", "4.0"]);
        let (tried, failed) = run(&[("4.2", no), ("4.1", no), ("4.0", no), ("3", no)], &ALL);
        assert_eq!(tried, ALL);
        assert_eq!(failed, Some((no, "4.2".to_owned())));
    }

    #[test]
    fn a_path_that_version_4_does_not_know_is_tried_with_version_3() {
        let (tried, failed) = run(&[("4.2", Errno::ENOENT)], &ALL);
        assert_eq!((tried, failed), (vec!["4.2".to_owned(), "3".to_owned()], None));
        let both = [("4.2", Errno::ENOENT), ("3", Errno::EOPNOTSUPP)];
        assert_eq!(run(&both, &ALL).1, Some((Errno::ENOENT, "4.2".to_owned())));
    }

    #[test]
    fn what_is_not_about_the_version_ends_it() {
        let (tried, failed) = run(&[("4.2", Errno::ETIMEDOUT)], &ALL);
        assert_eq!(tried, ["4.2"]);
        assert_eq!(failed, Some((Errno::ETIMEDOUT, "4.2".to_owned())));
        let mixed = [("4.2", Errno::EPROTONOSUPPORT), ("4.1", Errno::ECONNREFUSED)];
        assert_eq!(run(&mixed, &ALL).1, Some((Errno::ECONNREFUSED, "4.1".to_owned())));
    }

    #[test]
    fn a_mount_point_is_made_empty_and_for_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("mount");
        make_mount_point(&target).unwrap();
        make_mount_point(&target).unwrap();
        assert_eq!(fs::symlink_metadata(&target).unwrap().mode() & 0o7777, 0);
    }

    #[test]
    fn a_mount_point_with_content_and_one_that_is_a_link_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let full = dir.path().join("full");
        fs::create_dir(&full).unwrap();
        fs::write(full.join("a.iso"), "x").unwrap();
        assert_eq!(
            make_mount_point(&full).unwrap_err().raw_os_error(),
            Some(Errno::ENOTEMPTY as i32)
        );
        assert!(full.join("a.iso").exists());
        let link = dir.path().join("link");
        symlink(&full, &link).unwrap();
        assert_eq!(
            make_mount_point(&link).unwrap_err().raw_os_error(),
            Some(Errno::ENOTDIR as i32)
        );
    }

    #[test]
    fn a_mount_directory_that_others_may_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = make_mount_point(&open.join("mount")).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(Errno::EPERM as i32));
    }
}
