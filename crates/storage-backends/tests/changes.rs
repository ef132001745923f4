//! Files that are changed by the real helper, which is this very program started again.

mod mounted;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use storage_backends::helper::{FilesPlace, FilesRoot, HelperQueue, MAX_UPLOADS, UploadWriter};
use storage_backends::{Condition, Deletion, Error, ErrorKind, OpContext, PageRequest, Progress};
use storage_domain::FilePath;
use uuid::Uuid;

use crate::until::{SOON, until};
use crate::{child_of, is_helper, queue};
pub(crate) use mounted::run_inside;

/// More than the socket and the helper's buffer hold.
const LARGE: usize = 4 * 1024 * 1024;

pub(crate) async fn run() {
    run_each!(
        what_is_written_is_listed_at_once,
        a_killed_helper_leaves_what_was_stored,
        a_writer_that_is_dropped_ends_its_helper,
        each_upload_has_a_helper_and_there_are_a_few,
        a_step_whose_caller_left_is_not_taken_for_the_next,
        a_deletion_ends_when_its_caller_leaves,
    );
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
        let place = FilesPlace {
            root: FilesRoot::new(dir.path()),
            patience: SOON,
            idle: FilesPlace::IDLE,
        };
        Self {
            dir,
            queue: queue(),
            place,
            cx: OpContext::within(SOON),
        }
    }

    async fn names(&self) -> Vec<String> {
        let page = PageRequest {
            after: None,
            limit: 1000,
        };
        let root = FilePath::root();
        let listed = self.queue.list_files(&self.cx, &self.place, &root, &page).await;
        listed
            .unwrap()
            .entries
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    async fn begin(&self, name: &str, upload: Uuid, resume: bool) -> Result<(UploadWriter, u64), Error> {
        let upload = (upload, resume);
        self.queue
            .write_upload(&self.cx, &self.place, &path(name), upload)
            .await
    }

    async fn publish(&self, name: &str, upload: Uuid, size: usize) -> Result<(), ErrorKind> {
        let (path, upload) = (path(name), (upload, size as u64));
        let published = self
            .queue
            .publish_upload(&self.cx, &self.place, &path, upload, &Condition::None);
        published.await.map(|_| ()).map_err(Error::into_kind)
    }

    async fn abandon(&self, name: &str, upload: Uuid) {
        let at = path(name);
        let abandoned = self
            .queue
            .abandon_upload(&self.cx, &self.place, &at, upload)
            .await;
        abandoned.unwrap();
    }

    async fn is_left_alone(&self) {
        until("a helper is left", || self.helpers().is_empty()).await;
    }

    /// The helper processes that this one has.
    #[expect(clippy::unused_self, reason = "they are those of its queue")]
    fn helpers(&self) -> Vec<u32> {
        let path = Path::new("/proc/self/task");
        let tasks = fs::read_dir(path).unwrap().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<u32> = children
            .flat_map(|line| {
                line.split(' ')
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        children.into_iter().filter(|pid| is_helper(*pid)).collect()
    }
}

fn path(name: &str) -> FilePath {
    FilePath::root().join(name).unwrap()
}

fn bytes(length: usize) -> Bytes {
    (0..length).map(|n| u8::try_from(n / 7 % 251).unwrap()).collect()
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

fn end(pid: u32) {
    signal(pid, Signal::SIGKILL);
}

async fn ended(world: World) {
    drop(world);
    while let Some(pid) = child_of(std::process::id()) {
        end(pid);
        until("a helper is left", || !is_helper(pid)).await;
    }
}

async fn what_is_written_is_listed_at_once() {
    let world = World::new();
    let (upload, content) = (Uuid::new_v4(), bytes(3 * LARGE));
    assert_eq!(world.names().await, [""; 0]);
    let (mut writer, begun) = world.begin("f", upload, false).await.unwrap();
    assert_eq!(begun, 0);
    for piece in content.chunks(100_000) {
        writer.write(&world.cx, content.slice_ref(piece)).await.unwrap();
    }
    assert_eq!(world.names().await, [""; 0], "it has no name yet");
    assert_eq!(writer.close(&world.cx).await.unwrap(), content.len() as u64);
    world.publish("f", upload, content.len()).await.unwrap();
    assert_eq!(world.names().await, ["f"]);
    assert!(fs::read(world.dir.path().join("f")).unwrap() == content);

    let made = world
        .queue
        .make_directory(&world.cx, &world.place, &path("d"))
        .await;
    assert_eq!(made.unwrap().name, "d");
    assert_eq!(world.names().await, ["d", "f"]);
    let (from, to) = (path("f"), path("g"));
    let renamed = world.queue.rename_file(&world.cx, &world.place, &from, &to).await;
    renamed.unwrap();
    assert_eq!(world.names().await, ["d", "g"]);
    ended(world).await;
}

async fn a_killed_helper_leaves_what_was_stored() {
    let world = World::new();
    fs::write(world.dir.path().join("f"), "old").unwrap();
    let (upload, content) = (Uuid::new_v4(), bytes(2 * LARGE));
    let (mut writer, _) = world.begin("f", upload, false).await.unwrap();
    writer.write(&world.cx, content.slice(..LARGE)).await.unwrap();
    assert_eq!(writer.store(&world.cx).await.unwrap(), LARGE as u64);
    end(world.helpers()[0]);
    let error = loop {
        if let Err(error) = writer.write(&world.cx, content.slice(LARGE..)).await {
            break error;
        }
    };
    assert!(
        *error.kind() == ErrorKind::Helper && error.is_temporary(),
        "{error:?}"
    );
    drop(writer);
    assert_eq!(fs::read(world.dir.path().join("f")).unwrap(), b"old");

    let (mut writer, begun) = world.begin("f", upload, true).await.unwrap();
    assert!(begun >= LARGE as u64, "{begun}");
    let rest = content.slice(usize::try_from(begun).unwrap()..);
    writer.write(&world.cx, rest).await.unwrap();
    writer.close(&world.cx).await.unwrap();
    assert_eq!(fs::read(world.dir.path().join("f")).unwrap(), b"old");
    world.publish("f", upload, content.len()).await.unwrap();
    assert!(fs::read(world.dir.path().join("f")).unwrap() == content);
    ended(world).await;
}

async fn a_writer_that_is_dropped_ends_its_helper() {
    let world = World::new();
    let upload = Uuid::new_v4();
    let (mut writer, _) = world.begin("f", upload, false).await.unwrap();
    writer.write(&world.cx, bytes(10)).await.unwrap();
    drop(writer);
    world.is_left_alone().await;
    let hidden = fs::read_dir(world.dir.path()).unwrap().count();
    assert_eq!(hidden, 1, "what was written stays");
    let (writer, _) = world.begin("f", upload, true).await.unwrap();
    writer.end().await.unwrap();
    assert!(world.helpers().is_empty());
    world.abandon("f", upload).await;
    assert_eq!(fs::read_dir(world.dir.path()).unwrap().count(), 0);
    let gone = world.begin("f", upload, true).await;
    assert_eq!(
        gone.map(|_| ()).map_err(Error::into_kind),
        Err(ErrorKind::NotFound)
    );
    ended(world).await;
}

async fn each_upload_has_a_helper_and_there_are_a_few() {
    let world = World::new();
    let mut writers = Vec::new();
    for _ in 0..MAX_UPLOADS {
        writers.push(world.begin("f", Uuid::new_v4(), false).await.unwrap());
    }
    assert_eq!(world.helpers().len(), MAX_UPLOADS as usize);
    let mut waits = Box::pin(world.begin("f", Uuid::new_v4(), false));
    assert!(futures_util::poll!(&mut waits).is_pending());
    assert_eq!(world.names().await, [""; 0], "lists go on");
    assert!(futures_util::poll!(&mut waits).is_pending());
    drop(writers.pop());
    waits.await.unwrap();
    drop(writers);
    ended(world).await;
}

async fn a_step_whose_caller_left_is_not_taken_for_the_next() {
    let world = World::new();
    let upload = Uuid::new_v4();
    let (mut writer, _) = world.begin("f", upload, false).await.unwrap();
    // It takes nothing for now.
    let pid = world.helpers()[0];
    signal(pid, Signal::SIGSTOP);
    for _ in 0..3 {
        let mut sends = Box::pin(writer.write(&world.cx, bytes(LARGE)));
        assert!(futures_util::poll!(&mut sends).is_pending());
        drop(sends);
        let mut stores = Box::pin(writer.store(&world.cx));
        assert!(futures_util::poll!(&mut stores).is_pending());
        drop(stores);
    }
    signal(pid, Signal::SIGCONT);
    assert_eq!(writer.close(&world.cx).await.unwrap(), 3 * LARGE as u64);
    world.publish("f", upload, 3 * LARGE).await.unwrap();
    let all = [bytes(LARGE), bytes(LARGE), bytes(LARGE)].concat();
    assert!(fs::read(world.dir.path().join("f")).unwrap() == all);
    ended(world).await;
}

async fn a_deletion_ends_when_its_caller_leaves() {
    let world = World::new();
    let many = world.dir.path().join("many");
    fs::create_dir(&many).unwrap();
    for n in 0..20_000 {
        File::create(many.join(n.to_string())).unwrap();
    }
    let left = || fs::read_dir(&many).unwrap().count();
    let (place, progress) = (&world.place, Progress::default());
    let at = path("many");
    let delete = world
        .queue
        .delete_files(&world.cx, place, &at, Deletion::Recursive, &progress);
    let mut delete = Box::pin(delete);
    while left() == 20_000 {
        assert!(futures_util::poll!(&mut delete).is_pending());
        tokio::task::yield_now().await;
    }
    drop(delete);
    // A helper with no thread but the first makes no call.
    let pid = world.helpers()[0];
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    until("the deletion goes on", || threads() == 1).await;
    assert!(left() > 0, "it was too fast");
    let delete = world
        .queue
        .delete_files(&world.cx, place, &at, Deletion::Recursive, &progress);
    let rest = left() as u64 + 1;
    let before = progress.done();
    delete.await.unwrap();
    assert_eq!(progress.done() - before, rest);
    assert_eq!(world.names().await, [""; 0]);
    ended(world).await;
}
