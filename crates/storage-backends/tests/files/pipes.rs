//! Files that a socket takes from their pipe.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use storage_backends::{Begun, Error, ErrorKind, FilePipe};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{LARGE, World, ended, helper, threads};
use crate::until::until;

pub(super) async fn run() {
    run_each!(
        a_socket_takes_files_from_their_pipes,
        a_slow_client_leaves_bytes_in_the_pipe,
        a_pipe_that_breaks_off_never_ends_well,
        a_pipe_holds_what_it_was_given,
    );
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
