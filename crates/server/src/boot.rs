//! The boot listener: a second one, for machines that boot, on threads of its own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use storage_api::Boot;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::listeners::Listener;
use crate::settings::Settings;
use crate::web::share::Shares;

/// Threads that serve boot files.
const WORKERS: usize = 2;
/// Connections that may be open at once; further ones wait in the backlog. A boot loader opens one for each file.
const CONNECTIONS: usize = 1024;
/// Connections that wait to be accepted: a rack asks in the same second.
const BACKLOG: i32 = 1024;
/// How long the listener rests if a connection can't be accepted, for lack of descriptors for instance.
const PAUSE: Duration = Duration::from_millis(100);

/// Returns how many descriptors boot files take: each connection's own, and one of the storage or the cache.
pub(crate) fn descriptors(settings: &Settings) -> usize {
    if settings.boot_listen.is_empty() {
        0
    } else {
        2 * CONNECTIONS
    }
}

/// The boot listener, if there is one. Dropping it ends its connections.
pub(crate) struct BootServer {
    boot: Arc<Boot>,
    runtime: Option<Runtime>,
    stop: CancellationToken,
    connections: TaskTracker,
}

/// What each socket's loop has.
#[derive(Clone)]
struct Loop {
    boot: Arc<Boot>,
    room: Arc<Semaphore>,
    shares: Arc<Shares>,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl BootServer {
    /// Serves boot files on these sockets. The threads inherit the priority of this one.
    ///
    /// # Errors
    /// The threads can't be started, or a socket can't be listened on.
    pub(crate) fn start(boot: Arc<Boot>, sockets: Vec<Listener>) -> anyhow::Result<Self> {
        let mut server = Self {
            boot: Arc::clone(&boot),
            runtime: None,
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        if sockets.is_empty() {
            return Ok(server);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("pureboot-boot")
            .enable_all()
            .build();
        let runtime = server
            .runtime
            .insert(runtime.context("starting the boot listener failed")?);
        let accepting = Loop {
            boot,
            room: Arc::new(Semaphore::new(CONNECTIONS)),
            shares: Shares::new(CONNECTIONS, Vec::new()),
            stop: server.stop.clone(),
            connections: server.connections.clone(),
        };
        let entered = runtime.enter();
        for socket in sockets {
            let listener = listen(socket).context("starting the boot listener failed")?;
            runtime.spawn(accepting.clone().accept(listener));
        }
        drop(entered);
        Ok(server)
    }

    /// Accepts no more connections, and waits for the answers under way and the end of the cache.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.connections.close();
        self.connections.wait().await;
        self.boot.close().await;
    }
}

impl Drop for BootServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes the queue of a socket as long as a rack needs; the standard library's holds 128.
fn listen(socket: Listener) -> io::Result<TcpListener> {
    let Listener::Tcp(socket) = socket else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    rustix::net::listen(&socket, BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

impl Loop {
    async fn accept(self, listener: TcpListener) {
        loop {
            let room = Arc::clone(&self.room).acquire_owned();
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = async { (room.await, listener.accept().await) } => accepted,
            };
            let (stream, peer) = match accepted.1 {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection of a machine that boots could not be accepted");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let Some(share) = self.shares.admit(peer.ip()) else {
                continue;
            };
            let serving = Arc::clone(&self.boot).serve(stream, peer.ip(), self.stop.clone());
            let room = accepted.0;
            self.connections.spawn(async move {
                let _held = (room, share);
                serving.await;
            });
        }
    }
}
