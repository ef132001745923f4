//! Helpers that end, by themselves or not.

#![expect(clippy::disallowed_methods, reason = "a test mounts")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use storage_backends::helper::FilesRoot;
use storage_backends::{Error, ErrorKind};
use storage_domain::FilePath;

use super::{LARGE, World, ended, helper};
use crate::until::{SOON, until};
use crate::{child_of, is_helper};

pub(super) async fn run() {
    run_each!(
        an_idle_helper_ends,
        a_killed_helper_ends_its_reads_and_another_takes_its_place,
        a_call_outlives_its_helper,
        a_directory_over_the_memory_limit_ends_with_an_error,
    );
}

/// Runs those that mount, in a mount namespace.
pub(super) async fn run_inside() {
    run_each!(a_storage_that_does_not_answer_ends_the_helper);
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

async fn an_idle_helper_ends() {
    let mut world = World::new();
    world.place.idle = Duration::from_millis(100);
    world.file("large", LARGE);
    let mut stream = world.read("large", 0).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let pid = helper();
    tokio::time::sleep(world.place.idle * 3).await;
    assert!(is_helper(pid), "a read under way is not idle");
    drop(stream);
    until("the idle helper is left", || {
        child_of(std::process::id()).is_none()
    })
    .await;
    assert_eq!(world.list(None, 10).await.unwrap().entries.len(), 1);
    ended(world).await;
}

async fn a_killed_helper_ends_its_reads_and_another_takes_its_place() {
    let world = World::new();
    let bytes = world.file("large", LARGE);
    let mut stream = world.read("large", 0).await.unwrap();
    let pid = helper();
    signal(pid, Signal::SIGKILL);
    let mut got = 0;
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(piece) => got += piece.len(),
            Err(error) => break error,
        }
    };
    assert!(got < bytes.len());
    assert!(
        *error.kind() == ErrorKind::Helper && error.is_temporary(),
        "{error:?}"
    );
    assert!(stream.next().await.is_none());
    let pieces: Vec<_> = world.read("large", 0).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.concat() == bytes);
    assert_ne!(helper(), pid);
    ended(world).await;
}

/// Whether its helper took it or not. Making a directory twice is another thing: it ends with its helper.
async fn a_call_outlives_its_helper() {
    let world = World::new();
    let bytes = world.file("f", 1000);
    assert_eq!(world.list(None, 10).await.unwrap().entries.len(), 1);
    let first = helper();
    // It takes nothing from now on.
    signal(first, Signal::SIGSTOP);
    let at = FilePath::root().join("made").unwrap();
    let mut read = Box::pin(world.read("f", 0));
    let mut make = Box::pin(world.queue.make_directory(&world.cx, &world.place, &at));
    assert!(futures_util::poll!(&mut read).is_pending());
    assert!(futures_util::poll!(&mut make).is_pending());
    signal(first, Signal::SIGKILL);
    let pieces: Vec<_> = read.await.unwrap().try_collect().await.unwrap();
    assert!(pieces.concat() == bytes);
    assert_eq!(make.await.map_err(Error::into_kind), Err(ErrorKind::Helper));
    assert_ne!(helper(), first);
    assert_eq!(
        world.list(None, 10).await.unwrap().entries.len(),
        1,
        "it was made"
    );
    ended(world).await;
}

async fn a_directory_over_the_memory_limit_ends_with_an_error() {
    let mut world = World::new();
    world.file("f", 1);
    world.place.root.max_memory = 4096;
    let listed = world.list(None, 10).await;
    assert_eq!(listed.map_err(Error::into_kind), Err(ErrorKind::Helper));
    world.place.root.max_memory = FilesRoot::MAX_MEMORY;
    assert_eq!(world.list(None, 10).await.unwrap().entries.len(), 1);
    ended(world).await;
}

/// A file system whose server never answers.
async fn a_storage_that_does_not_answer_ends_the_helper() {
    let mut world = World::new();
    let device = File::options().read(true).write(true).open("/dev/fuse").unwrap();
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let at = world.dir.path().to_owned();
    let (source, flags) = (Some("dead"), nix::mount::MsFlags::MS_NOSUID);
    nix::mount::mount(source, &at, Some("fuse.dead"), flags, Some(options.as_str())).unwrap();
    world.place.patience = Duration::from_millis(300);
    let (listed, read) = tokio::join!(world.list(None, 10), world.read("f", 0));
    assert_eq!(listed.map_err(Error::into_kind), Err(ErrorKind::Timeout));
    assert_eq!(
        read.map(|_| ()).map_err(Error::into_kind),
        Err(ErrorKind::Timeout)
    );
    until("the helper is left", || child_of(std::process::id()).is_none()).await;
    // The kernel lets go of what a killed process held a moment after the process is gone.
    let unmount = || nix::mount::umount2(&at, nix::mount::MntFlags::empty()).is_ok();
    until("nothing holds the mount", unmount).await;
    world.place.patience = SOON;
    assert_eq!(world.list(None, 10).await.unwrap().entries, []);
    ended(world).await;
}
