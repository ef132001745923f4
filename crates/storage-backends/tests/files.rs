//! Files that are listed and read by the real helper, which is this very program started again.

mod ends;
mod pipes;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use storage_backends::helper::{FilesPlace, FilesRoot, HelperQueue};
use storage_backends::{
    Error, ErrorKind, FileBytes, FilePage, OpContext, PageRequest, Position, ReadRequest,
};
use storage_domain::FilePath;

use crate::until::{SOON, until};
use crate::{child_of, is_helper, queue};

/// More than pipes and buffers hold.
const LARGE: usize = 8 * 1024 * 1024;
/// Reads of a backend at once.
const MAX_TRANSFERS: usize = 28;

pub(crate) async fn run() {
    run_each!(
        files_are_listed_and_read,
        a_reader_that_leaves_frees_its_thread,
        a_file_that_becomes_shorter_ends_its_read,
        one_transfer_too_many_waits,
        a_list_that_takes_too_long_spares_the_reads,
    );
    ends::run().await;
    pipes::run().await;
}

/// Runs those that mount, in a mount namespace.
pub(crate) async fn run_inside() {
    ends::run_inside().await;
}

struct World {
    dir: tempfile::TempDir,
    queue: Arc<HelperQueue>,
    place: FilesPlace,
    cx: OpContext,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = FilesRoot::new(dir.path());
        Self {
            dir,
            queue: queue(),
            place: FilesPlace {
                root,
                patience: SOON,
                idle: FilesPlace::IDLE,
            },
            cx: OpContext::within(SOON),
        }
    }

    /// Makes a file whose bytes show their place.
    fn file(&self, name: &str, length: usize) -> Vec<u8> {
        let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n / 7 % 251).unwrap()).collect();
        fs::write(self.dir.path().join(name), &bytes).unwrap();
        bytes
    }

    async fn list(&self, after: Option<Position>, limit: usize) -> Result<FilePage, Error> {
        let page = PageRequest { after, limit };
        self.queue
            .list_files(&self.cx, &self.place, &FilePath::root(), &page)
            .await
    }

    async fn read(&self, name: &str, offset: u64) -> Result<FileBytes, Error> {
        let request = ReadRequest {
            offset,
            length: None,
            etag: None,
            size: None,
        };
        let path = FilePath::root().join(name).unwrap();
        let read = self.queue.read_file(&self.cx, &self.place, &path, &request).await;
        read.map(FileBytes::from)
    }
}

fn helper() -> u32 {
    child_of(std::process::id()).unwrap()
}

fn threads(pid: u32) -> usize {
    fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")).map_or(0, Iterator::count)
}

async fn ended(world: World) {
    drop(world);
    while let Some(pid) = child_of(std::process::id()) {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
        until("a helper is left", || !is_helper(pid)).await;
    }
}

async fn files_are_listed_and_read() {
    let world = World::new();
    let bytes = world.file("large", LARGE);
    world.file("empty", 0);
    let page = world.list(None, 1).await.unwrap();
    let rest = world.list(page.next.clone(), 10).await.unwrap();
    let names: Vec<_> = page
        .entries
        .iter()
        .chain(&rest.entries)
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!((names, rest.next), (vec!["empty", "large"], None));
    let pid = helper();
    for offset in [0, 1, LARGE - 1] {
        let pieces: Vec<_> = world
            .read("large", offset as u64)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert!(pieces.concat() == bytes[offset..], "from {offset}");
    }
    assert!(world.read("empty", 0).await.unwrap().next().await.is_none());
    let missing = world.read("missing", 0).await.map(|_| ());
    assert_eq!(missing.map_err(Error::into_kind), Err(ErrorKind::NotFound));
    assert_eq!(helper(), pid, "one helper makes all calls");
    ended(world).await;
}

async fn a_reader_that_leaves_frees_its_thread() {
    let world = World::new();
    world.file("large", LARGE);
    let mut stream = world.read("large", 0).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let pid = helper();
    assert_eq!(threads(pid), 2, "a read that waits for its reader has a thread");
    drop(stream);
    until("the thread is left", || threads(pid) == 1).await;
    ended(world).await;
}

async fn a_file_that_becomes_shorter_ends_its_read() {
    let world = World::new();
    world.file("large", LARGE);
    let mut stream = world.read("large", 0).await.unwrap();
    let file = File::options()
        .write(true)
        .open(world.dir.path().join("large"))
        .unwrap();
    file.set_len(1024).unwrap();
    let mut last = None;
    while let Some(piece) = stream.next().await {
        last = Some(piece);
    }
    let last = last.unwrap();
    assert!(
        matches!(&last, Err(error) if *error.kind() == ErrorKind::Changed),
        "{last:?}"
    );
    ended(world).await;
}

async fn one_transfer_too_many_waits() {
    let world = World::new();
    let bytes = world.file("large", LARGE);
    let mut streams = Vec::new();
    for _ in 0..MAX_TRANSFERS {
        streams.push(world.read("large", 0).await.unwrap());
    }
    let pid = helper();
    until("not all of them have a thread", || {
        threads(pid) == MAX_TRANSFERS + 1
    })
    .await;
    let mut waits = Box::pin(world.read("large", 0));
    assert!(futures_util::poll!(&mut waits).is_pending());
    assert_eq!(
        world.list(None, 10).await.unwrap().entries.len(),
        1,
        "lists go on"
    );
    assert!(futures_util::poll!(&mut waits).is_pending());
    drop(streams.pop());
    let pieces: Vec<_> = waits.await.unwrap().try_collect().await.unwrap();
    assert!(pieces.concat() == bytes);
    assert!(threads(pid) <= MAX_TRANSFERS + 5);
    drop(streams);
    ended(world).await;
}

/// No list has time for more than one buffer of names.
async fn a_list_that_takes_too_long_spares_the_reads() {
    let mut world = World::new();
    world.place.root.names_time = Duration::ZERO;
    let bytes = world.file("large", LARGE);
    for n in 0..1000 {
        world.file(&format!("a-name-that-is-not-short-{n:05}"), 0);
    }
    let mut stream = world.read("large", 0).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    let pid = helper();
    let lost = Position::Unsorted("none".to_owned());
    let listed = world.list(Some(lost), 10).await;
    assert_eq!(listed.map_err(Error::into_kind), Err(ErrorKind::Changed));
    let (mut names, mut after) = (0, None);
    loop {
        let page = world.list(after, 300).await.unwrap();
        assert!(!page.sorted);
        names += page.entries.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, 1001);
    let rest: Vec<_> = stream.try_collect().await.unwrap();
    assert!([first, rest.concat().into()].concat() == bytes);
    assert_eq!(helper(), pid);
    ended(world).await;
}
