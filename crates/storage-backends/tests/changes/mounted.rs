//! File systems that are full, read-only or dead.

#![expect(clippy::disallowed_methods, reason = "a test mounts")]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use storage_backends::helper::FilesRoot;
use storage_backends::{Error, ErrorKind};
use uuid::Uuid;

use super::{LARGE, World, bytes, end, ended, path};
use crate::until::until;

/// Runs those that mount, in a mount namespace.
pub(crate) async fn run_inside() {
    run_each!(
        a_full_storage_keeps_what_was_stored,
        an_upload_that_hangs_ends_alone,
    );
}

async fn a_full_storage_keeps_what_was_stored() {
    let world = World::new();
    let at = world.dir.path().to_owned();
    let options = Some("size=8m");
    mount(Some("none"), &at, Some("tmpfs"), MsFlags::empty(), options).unwrap();
    fs::write(at.join("f"), "old").unwrap();
    let upload = Uuid::new_v4();
    let (mut writer, _) = world.begin("f", upload, false).await.unwrap();
    writer.write(&world.cx, bytes(LARGE)).await.unwrap();
    assert_eq!(writer.store(&world.cx).await.unwrap(), LARGE as u64);
    let full = loop {
        if let Err(error) = writer.write(&world.cx, bytes(LARGE)).await {
            break error;
        }
    };
    assert_eq!(full.into_kind(), ErrorKind::NoSpace);
    drop(writer);
    let found = world
        .queue
        .find_upload(&world.cx, &world.place, &path("f"), upload)
        .await;
    assert_eq!(found.map_err(Error::into_kind), Ok(LARGE as u64));
    world.abandon("f", upload).await;
    assert_eq!(fs::read(at.join("f")).unwrap(), b"old");

    mount(
        None::<&str>,
        &at,
        None::<&str>,
        MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY,
        None::<&str>,
    )
    .unwrap();
    let made = world
        .queue
        .make_directory(&world.cx, &world.place, &path("d"))
        .await;
    assert_eq!(
        made.map(|_| ()).map_err(Error::into_kind),
        Err(ErrorKind::ReadOnly)
    );
    let begun = world.begin("g", upload, false).await;
    assert_eq!(
        begun.map(|_| ()).map_err(Error::into_kind),
        Err(ErrorKind::ReadOnly)
    );
    world.is_unmounted(&at).await;
    ended(world).await;
}

/// A file system whose server never answers, for one upload alone.
async fn an_upload_that_hangs_ends_alone() {
    let mut world = World::new();
    let dead = tempfile::tempdir().unwrap();
    let hangs = dead.path();
    let device = File::options().read(true).write(true).open("/dev/fuse").unwrap();
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let flags = MsFlags::MS_NOSUID;
    mount(
        Some("dead"),
        hangs,
        Some("fuse.dead"),
        flags,
        Some(options.as_str()),
    )
    .unwrap();
    assert_eq!(world.names().await, [""; 0]);
    let reads = world.helpers();
    let answers = world.place.clone();
    world.place.root = FilesRoot::new(hangs);
    world.place.patience = Duration::from_millis(300);
    let begun = world.begin("f", Uuid::new_v4(), false).await;
    assert_eq!(
        begun.map(|_| ()).map_err(Error::into_kind),
        Err(ErrorKind::Timeout)
    );
    until("the helper is left", || world.helpers() == reads).await;
    world.place = answers;
    assert_eq!(world.names().await, [""; 0]);
    assert_eq!(world.helpers(), reads);
    world.is_unmounted(hangs).await;
    ended(world).await;
}

impl World {
    /// The kernel lets go of what a killed process held a moment after the process is gone.
    async fn is_unmounted(&self, at: &Path) {
        for pid in self.helpers() {
            end(pid);
        }
        let unmount = || umount2(at, MntFlags::empty()).is_ok();
        until("nothing holds the mount", unmount).await;
    }
}
