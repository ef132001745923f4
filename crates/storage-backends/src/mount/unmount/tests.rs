//! Unmounts by a helper that is a script; the real helper's tests are `tests/unmount.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::mount::MsFlags;
use storage_domain::BackendId;

use super::*;
use crate::helper::queue::Purpose;
use crate::helper::{HelperCommand, Queues};
use crate::mount::namespace::inside;

/// Does a helper's work: the last of the calls finds nothing to unmount, and removes the mount point.
///
/// It detaches, because a child of a helper that was killed may still be about to end.
const WORK: &str = r#"umount -l "$place" 2> /dev/null || rmdir "$place""#;

#[expect(clippy::disallowed_methods, reason = "the test's own mount")]
fn mount(at: &Path) {
    nix::mount::mount(Some("none"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
}

/// Makes a queue whose helpers run a shell's `commands`, which find the mount point in `$place`.
fn queue(dir: &Path, place: &Path, commands: &str) -> Arc<HelperQueue> {
    let script = dir.join("helper");
    let text = format!("#!/bin/sh\nplace='{}'\n{commands}\n", place.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    Queues::new(HelperCommand::program(script)).of(BackendId::generate())
}

#[tokio::test]
async fn a_helper_that_dies_after_its_work_has_done_it() {
    if !inside("mount::unmount::tests::a_helper_that_dies_after_its_work_has_done_it") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("place");
    fs::create_dir(&place).unwrap();
    mount(&place);
    mount(&place);
    let cx = OpContext::within(Duration::from_secs(20));
    let by = queue(dir.path(), &place, &format!("{WORK}; exit 3"));
    unmount(&cx, &by, &place, UnmountMode::Plain).await.unwrap();
    assert!(!place.exists(), "the mounts or their mount point stayed");

    fs::create_dir(&place).unwrap();
    mount(&place);
    let by = queue(dir.path(), &place, "exit 3");
    let failed = unmount(&cx, &by, &place, UnmountMode::Plain).await.unwrap_err();
    assert_eq!(failed.kind(), &ErrorKind::Helper, "{failed:?}");
}

/// The helper of the mount is killed at its deadline, when it has mounted already.
#[tokio::test]
async fn a_mount_that_was_broken_off_is_taken_away_before_the_next_call() {
    if !inside("mount::unmount::tests::a_mount_that_was_broken_off_is_taken_away_before_the_next_call") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("place");
    fs::create_dir(&place).unwrap();
    let commands = format!(
        "read -r call\ncase $call in *statfs*) mount -t tmpfs none \"$place\"; while :; do sleep 1000; done;; esac\n{WORK}"
    );
    let by = queue(dir.path(), &place, &commands);
    let cx = OpContext::within(Duration::from_secs(20));
    let lease = by.enter(&cx, Purpose::Probe).await.unwrap();
    let (again, at) = (Arc::clone(&by), place.clone());
    let cleanup = Box::pin(async move { clean_up(&again, &at).await });
    let call = Call::Statfs { path: "/".into() };
    let permit = lease.mount_permit(&cx).await.unwrap();
    {
        let mut mounting = pin!(lease.mount(permit, &cx, cx.remaining(), &call, cleanup));
        let mut watch = MountWatch::open().unwrap();
        while layers(&place).unwrap() == 0 {
            tokio::select! {
                ended = &mut mounting => panic!("{ended:?}"),
                changed = watch.changed() => changed.unwrap(),
            }
        }
    }
    drop(lease);
    drop(by.enter(&cx, Purpose::Probe).await.unwrap());
    assert!(!place.exists(), "the mount or its mount point stayed");
}
