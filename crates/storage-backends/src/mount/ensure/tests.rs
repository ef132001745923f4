//! Mounts that a helper only pretends to make: it is a script, and the table of mounts is a file of its own.

mod world;

use std::fs;

use nix::errno::Errno;

use super::*;
use crate::backend::MountState;
use crate::helper::MAX_MOUNTS_IN_FLIGHT;
use crate::mount::namespace::inside;
use crate::mount::table::MountTable;

#[path = "../../../tests/support/until.rs"]
mod waiting;

use waiting::{SOON, until};
use world::{REVISION, SERVER, World, ensure, line};

fn origin(ensured: Result<Ensured, Error>) -> Origin {
    ensured.unwrap().mounted.unwrap().1
}

fn state(place: &MountPlace) -> MountState {
    place.state(&MountTable::read().unwrap())
}

fn is_cancelled<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    result.as_ref().is_err_and(Error::is_cancelled)
}

/// The kernel uses the mount's number again, so that the table looks the same before and after.
#[tokio::test]
async fn what_a_scan_reads_while_a_dead_mount_goes_is_no_count() {
    if !inside("mount::ensure::tests::what_a_scan_reads_while_a_dead_mount_goes_is_no_count") {
        return;
    }
    let world = World::new(SOON).mounted(1);
    world.put("dead");
    let (counted, mounted) = tokio::join!(world.scan(), async {
        until("no scan began", || world.has("scanning")).await;
        world.mount(&world.cx).await
    });
    assert!(is_cancelled(&counted), "{counted:?}");
    assert_eq!(origin(mounted), Origin::Replaced);
    assert!(!world.has("overlap"), "it was unmounted beside the scan");
    assert_eq!(world.scan().await.unwrap().files, 7);
}

#[tokio::test]
async fn a_scan_ends_before_what_is_mounted_wrongly_is_taken_away() {
    if !inside("mount::ensure::tests::a_scan_ends_before_what_is_mounted_wrongly_is_taken_away") {
        return;
    }
    let mut world = World::new(SOON).mounted(1);
    world.put("dead");
    {
        let mut counting = Box::pin(world.scan());
        tokio::select! {
            early = &mut counting => panic!("{early:?}"),
            () = until("no scan began", || world.has("scanning")) => {}
        }
        let two = format!(
            "{}\n{}\n",
            line("101", &world.place.at),
            line("102", &world.place.at)
        );
        fs::write(world.dir.join("table"), two).unwrap();
        let (counted, mounted) = tokio::join!(counting, world.mount(&world.cx));
        assert!(is_cancelled(&counted), "{counted:?}");
        assert_eq!(origin(mounted), Origin::Made);
    }
    assert!(!world.has("overlap"), "it was unmounted beside the scan");
    // Somebody takes it away.
    fs::write(world.dir.join("table"), "").unwrap();
    world.cx = OpContext::within(SOON);
    assert_eq!(origin(world.mount(&world.cx).await), Origin::Restored);
}

#[tokio::test]
async fn a_count_across_two_mounts_is_none() {
    if !inside("mount::ensure::tests::a_count_across_two_mounts_is_none") {
        return;
    }
    let world = World::new(SOON).mounted(1);
    assert_eq!(world.scan().await.unwrap().files, 7);
    world.put("other");
    let counted = world.scan().await;
    assert!(is_cancelled(&counted), "{counted:?}");
}

/// All that may be under way at once are.
#[tokio::test]
async fn a_mount_that_waits_for_others_is_not_its_servers_fault() {
    if !inside("mount::ensure::tests::a_mount_that_waits_for_others_is_not_its_servers_fault") {
        return;
    }
    let (deadline, queue_waits) = (SOON / 4, "no mount waits");
    let world = World::new(deadline);
    let queue = &world.place.queue;
    let scan = queue.enter(&world.cx, Purpose::Scan).await.unwrap();
    let mut permits = Vec::new();
    for _ in 0..MAX_MOUNTS_IN_FLIGHT {
        permits.push(scan.mount_permit(&world.cx).await.unwrap());
    }
    let short = OpContext::within(Duration::from_millis(300));
    let ensured = world.mount(&short).await.unwrap();
    assert!(
        matches!(ensured.mounted, Err(NotMounted::NoPermit)),
        "{ensured:?}"
    );

    // An unmount does not wait for it.
    let (mounted, preempted) = tokio::join!(world.mount(&world.cx), async {
        until(queue_waits, || !queue.is_idle(Purpose::Probe)).await;
        drop(scan);
        queue.preempt(&world.cx).await
    });
    assert!(is_cancelled(&mounted), "{mounted:?}");
    drop(preempted);

    // The time of a mount begins when it has its permit.
    tokio::time::pause();
    let (mounted, ()) = tokio::join!(world.mount(&world.cx), async {
        until(queue_waits, || !queue.is_idle(Purpose::Probe)).await;
        tokio::time::advance(deadline * 2).await;
        tokio::time::resume();
        drop(permits);
    });
    assert_eq!(origin(mounted), Origin::Made);
}

/// A server that does not answer in time may come back, and other programs wait for it.
#[tokio::test]
async fn a_server_that_does_not_answer_in_time_keeps_its_mount() {
    if !inside("mount::ensure::tests::a_server_that_does_not_answer_in_time_keeps_its_mount") {
        return;
    }
    let world = World::new(SOON).mounted(1);
    let table = world.table();
    for (state, failure) in [
        ("silent", Failure::Kernel(Errno::ETIMEDOUT as i32)),
        ("hung", Failure::Timeout),
    ] {
        world.put(state);
        let ensured = world
            .mount(&OpContext::within(Duration::from_secs(2)))
            .await
            .unwrap();
        let why = ensured.measured.as_ref().unwrap().as_ref().unwrap_err();
        assert_eq!(why.failure, failure);
        assert_eq!(origin(Ok(ensured)), Origin::Kept);
        assert_eq!(world.table(), table, "{state}");
        world.take(state);
    }
    assert_eq!(origin(world.mount(&world.cx).await), Origin::Kept);
}

#[tokio::test]
async fn a_mount_of_another_server_is_taken_away() {
    if !inside("mount::ensure::tests::a_mount_of_another_server_is_taken_away") {
        return;
    }
    let world = World::new(SOON);
    world.put("referred");
    let ensured = world.mount(&world.cx).await.unwrap();
    let Err(NotMounted::Referred(entry)) = ensured.mounted else {
        panic!("{ensured:?}")
    };
    assert_eq!(entry.source, "10.0.0.9:/srv/images");
    assert_eq!(world.table(), b"");
    assert!(!world.place.at.record().exists());
}

/// The server resolved the path, so that nothing but the record shows that the mount is the wanted one.
#[tokio::test]
async fn a_mount_is_adopted_by_its_record() {
    if !inside("mount::ensure::tests::a_mount_is_adopted_by_its_record") {
        return;
    }
    let world = World::new(SOON);
    world.put("linked");
    assert_eq!(origin(world.mount(&world.cx).await), Origin::Made);
    let adopted = world.restarted(REVISION);
    assert_eq!(state(&adopted), MountState::Mounted);
    assert_eq!(origin(ensure(&adopted, &world.cx).await), Origin::Kept);

    let source = format!("{SERVER}:/srv/exp/images");
    let foreign = MountState::Foreign { source };
    let record = world.place.at.record();
    let changed = world.restarted(REVISION.next());
    assert_eq!(state(&changed), foreign);
    let text = fs::read_to_string(&record).unwrap();
    let stale = text.replace("\"id\":101", "\"id\":99");
    for broken in [&stale, &text[..text.len() / 2], ""] {
        fs::write(&record, broken).unwrap();
        assert_eq!(state(&world.restarted(REVISION)), foreign, "{broken}");
    }
    fs::remove_file(&record).unwrap();
    let forgetful = world.restarted(REVISION);
    assert_eq!(state(&forgetful), foreign);
    assert_eq!(origin(ensure(&forgetful, &world.cx).await), Origin::Made);
    assert_eq!(state(&world.restarted(REVISION)), MountState::Mounted);
}
