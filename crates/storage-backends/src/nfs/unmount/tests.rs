//! Cleaning up without a runtime, with a worker that is a script; the real worker's tests are `tests/unmount.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::mount::MsFlags;
use storage_domain::BackendId;

use super::*;
use crate::lane::Lanes;
use crate::nfs::namespace::inside;
use crate::worker::WorkerCommand;

/// Does a worker's work: the last of the calls finds nothing to unmount, and is the one that removes the place.
const WORK: &str = r#"umount "$place" 2> /dev/null || rmdir "$place""#;
/// The answer of a worker that has unmounted, as it goes over its pipe.
const UNMOUNTED: &str = r#"\000\000\000\013"unmounted""#;

#[expect(clippy::disallowed_methods, reason = "the test's own mount")]
fn mount(at: &Path) {
    nix::mount::mount(Some("none"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
}

/// What takes mounts away by a shell's `commands`, which are told the place as `$place`.
fn unmounter(dir: &Path, place: &Path, commands: &str) -> Unmounter {
    let script = dir.join("worker");
    let text = format!("#!/bin/sh\nplace='{}'\n{commands}\n", place.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let lanes = Lanes::new(WorkerCommand::program(script));
    lanes.unmounter(BackendId::generate())
}

#[test]
fn what_a_broken_off_mount_left_is_taken_away_on_a_thread_with_a_small_stack() {
    if !inside(
        "nfs::unmount::tests::what_a_broken_off_mount_left_is_taken_away_on_a_thread_with_a_small_stack",
    ) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("place");
    fs::create_dir(&place).unwrap();
    mount(&place);
    mount(&place);
    let answers = format!("{WORK}; printf '{UNMOUNTED}'; cat > /dev/null");
    let by = unmounter(dir.path(), &place, &answers);
    let reaper = std::thread::Builder::new().stack_size(64 * 1024);
    let at = place.clone();
    reaper.spawn(move || clean_up(&by, &at)).unwrap().join().unwrap();
    assert!(!place.exists(), "the mounts or their place stayed");
}

#[tokio::test]
async fn a_worker_that_dies_after_its_work_has_done_it() {
    if !inside("nfs::unmount::tests::a_worker_that_dies_after_its_work_has_done_it") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("place");
    fs::create_dir(&place).unwrap();
    mount(&place);
    let by = unmounter(dir.path(), &place, &format!("{WORK}; exit 3"));
    let cx = OpContext::within(Duration::from_secs(20));
    assert_eq!(unmount_place(&cx, &by, &place, UnmountMode::Plain).await, Ok(()));

    fs::create_dir(&place).unwrap();
    mount(&place);
    let by = unmounter(dir.path(), &place, "exit 3");
    let failed = unmount_place(&cx, &by, &place, UnmountMode::Plain)
        .await
        .unwrap_err();
    assert!(failed.contains("broke off"), "{failed}");
}
