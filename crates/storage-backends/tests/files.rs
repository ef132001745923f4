//! Files that are listed and read by the real helper, which is this very program started again.

#![expect(clippy::disallowed_methods, reason = "a test mounts")]

use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use storage_backends::helper::{FilesPlace, FilesRoot, HelperQueue};
use storage_backends::{
    Begun, Error, ErrorKind, FileBytes, FilePage, FilePipe, OpContext, PageRequest, Position, ReadRequest,
};
use storage_domain::FilePath;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::until::{SOON, until};
use crate::{child_of, is_helper, queue};

/// More than pipes and buffers hold.
const LARGE: usize = 8 * 1024 * 1024;
/// Reads of a backend at once.
const MAX_TRANSFERS: usize = 28;

pub(crate) async fn run() {
    run_each!(
        files_are_listed_and_read,
        a_socket_takes_files_from_their_pipes,
        a_slow_client_leaves_bytes_in_the_pipe,
        a_pipe_that_breaks_off_never_ends_well,
        a_pipe_holds_what_it_was_given,
        an_idle_helper_ends,
        a_reader_that_leaves_frees_its_thread,
        a_killed_helper_ends_its_reads_and_another_takes_its_place,
        a_file_that_becomes_shorter_ends_its_read,
        one_transfer_too_many_waits,
        a_list_that_takes_too_long_spares_the_reads,
        a_directory_over_the_memory_limit_ends_with_an_error,
    );
}

/// Runs those that mount, in a mount namespace.
pub(crate) async fn run_inside() {
    run_each!(a_storage_that_does_not_answer_ends_the_helper);
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

impl World {
    async fn pipe(&self, name: &str, offset: u64) -> FilePipe {
        match self.read(name, offset).await.unwrap().begin().await {
            Ok(Some(Begun::Pipe(pipe))) => *pipe,
            other => panic!("{other:?}"),
        }
    }
}

/// A client that has room for little, and its server's end.
async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let connecting = socket.connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(connecting, listener.accept());
    (client.unwrap(), server.unwrap().0)
}

/// Sends what a pipe has left.
async fn send(pipe: &mut FilePipe, mut socket: TcpStream) -> Result<(), Error> {
    socket.write_all(&pipe.take_start()).await.unwrap();
    while pipe.left() > 0 {
        let splice = socket.async_io(Interest::WRITABLE, || pipe.splice(socket.as_fd(), LARGE));
        if splice.await.unwrap() == 0 {
            pipe.ready().await?;
        }
    }
    Ok(())
}

async fn all(mut client: TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    got
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

async fn a_socket_takes_files_from_their_pipes() {
    let world = World::new();
    let bytes = world.file("large", LARGE);
    for offset in [0, 1, LARGE - 1] {
        let mut pipe = world.pipe("large", offset as u64).await;
        assert_eq!(pipe.left(), (LARGE - offset) as u64);
        let (client, server) = connected().await;
        let (sent, got) = tokio::join!(send(&mut pipe, server), all(client));
        sent.unwrap();
        assert!(got == bytes[offset..], "from {offset}");
    }
    world.file("empty", 0);
    let empty = world.read("empty", 0).await.unwrap().begin().await;
    assert!(matches!(empty, Ok(None)), "{empty:?}");
    ended(world).await;
}

async fn a_slow_client_leaves_bytes_in_the_pipe() {
    let world = World::new();
    let bytes = world.file("large", LARGE);
    let mut pipe = world.pipe("large", 0).await;
    let (client, mut server) = connected().await;
    server.write_all(&pipe.take_start()).await.unwrap();
    let full = loop {
        match pipe.splice(server.as_fd(), LARGE) {
            Ok(0) => pipe.ready().await.unwrap(),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock);
    assert!(pipe.left() > 0);
    let (sent, got) = tokio::join!(send(&mut pipe, server), all(client));
    sent.unwrap();
    assert!(got == bytes);
    ended(world).await;
}

async fn a_pipe_that_breaks_off_never_ends_well() {
    let world = World::new();
    let bytes = world.file("large", LARGE);
    let truncate = || {
        let large = world.dir.path().join("large");
        let file = File::options().write(true).open(large).unwrap();
        file.set_len(1024).unwrap();
    };
    let end_helper = || kill(Pid::from_raw(helper().cast_signed()), Signal::SIGKILL).unwrap();
    let ends: [(&dyn Fn(), ErrorKind); 2] =
        [(&end_helper, ErrorKind::Helper), (&truncate, ErrorKind::Changed)];
    for (end, kind) in ends {
        let mut pipe = world.pipe("large", 0).await;
        end();
        let (client, server) = connected().await;
        let (sent, got) = tokio::join!(send(&mut pipe, server), all(client));
        assert_eq!(sent.map_err(Error::into_kind), Err(kind));
        assert!(got.len() < bytes.len());
        assert!(pipe.left() > 0);
    }
    ended(world).await;
}

async fn a_pipe_holds_what_it_was_given() {
    let world = World::new();
    world.file("large", LARGE);
    let (first, second) = (Arc::new(()), Arc::new(()));
    let bytes = world.read("large", 0).await.unwrap();
    let bytes = bytes.holding(Arc::clone(&first)).holding(Arc::clone(&second));
    let held = || (Arc::strong_count(&first), Arc::strong_count(&second));
    let begun = bytes.begin().await.unwrap();
    let pid = helper();
    assert_eq!((held(), threads(pid)), ((2, 2), 2));
    drop(begun);
    assert_eq!(held(), (1, 1));
    until("the thread is left", || threads(pid) == 1).await;
    ended(world).await;
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

async fn a_killed_helper_ends_its_reads_and_another_takes_its_place() {
    let world = World::new();
    let bytes = world.file("large", LARGE);
    let mut stream = world.read("large", 0).await.unwrap();
    let pid = helper();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
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
