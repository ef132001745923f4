//! The web server: connections that hold a bounded amount of memory, whatever their peers send.

mod exchange;
mod flow;
pub(crate) mod share;
mod stream;

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_http::{HttpService, Request, error::DispatchError};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _};
use actix_service::{apply_fn_factory, fn_service, map_config};
use actix_web::App as WebApp;
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::web::ServiceConfig;
use anyhow::Context;
use storage_api::{Access, App, Boot};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::listeners::Listener;
use crate::settings::Settings;
use crate::tls::Identity;
use exchange::{AnswerBody, PIECE};
use share::{Patience, Shares};
use stream::FlowStream;

/// Threads that answer requests.
const WORKERS: usize = 2;
/// How long a client may take to send a request's head.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept for a further request.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take to close.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves the API on `sockets`, with at most `connections` of clients at once.
///
/// # Errors
/// TLS cannot be set up, or a socket cannot be listened on.
pub(crate) fn server(
    settings: &Settings,
    app: Arc<App>,
    access: Arc<Access>,
    boot: Arc<Boot>,
    sockets: Vec<Listener>,
    identity: Option<&Arc<Identity>>,
    connections: usize,
) -> anyhow::Result<Server> {
    let mut server = ServerBuilder::new()
        .workers(WORKERS)
        .max_concurrent_connections(connections.div_ceil(WORKERS))
        .disable_signals()
        .shutdown_timeout(settings.shutdown_deadline.as_secs().max(1));
    let stop = server.graceful_shutdown_signal();
    let configure = storage_api::configure_booting(app, access, boot);
    let shares = Shares::new(connections, settings.clients.trusted_proxies.clone());
    for socket in sockets {
        let http = Http {
            configure: configure.clone(),
            stop: stop.clone(),
            shares: Arc::clone(&shares),
        };
        let listening = match (socket, identity) {
            (Listener::Tcp(listener), Some(identity)) => {
                let mut config = identity.server_config().context("TLS cannot be spoken")?;
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                let tls = TlsAcceptor::from(Arc::new(config));
                server.listen("https", listener, move || secure(tls.clone(), http.clone()))
            }
            (Listener::Tcp(listener), None) => server.listen("http", listener, move || tcp(http.clone())),
            (Listener::Unix(listener), _) => server.listen_uds("unix", listener, move || unix(http.clone())),
        };
        server = listening.context("starting the web server failed")?;
    }
    Ok(server.run())
}

/// Starts the server's threads. The main thread has to poll the rest of it, which replaces a thread that died.
///
/// Threads inherit the priority of the one that starts them, and tasks run on threads of background work.
///
/// # Errors
/// A thread cannot be started.
pub(crate) async fn start(server: &mut Server) -> anyhow::Result<()> {
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *server).poll(cx))).await;
    match polled {
        Poll::Ready(ended) => ended.context("starting the web server failed"),
        Poll::Pending => Ok(()),
    }
}

/// HTTP over any stream.
#[derive(Clone)]
struct Http<F> {
    configure: F,
    stop: GracefulShutdownSignal,
    shares: Arc<Shares>,
}

impl<F: FnOnce(&mut ServiceConfig) + Clone + 'static> Http<F> {
    /// Speaks HTTP/1.1 on connections with the addresses of their peers.
    fn service<T: AsyncRead + AsyncWrite + Unpin + 'static>(
        self,
    ) -> impl ServiceFactory<
        (FlowStream<T>, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > {
        let app = WebApp::new().configure(self.configure).into_factory();
        let app = app.map_err(|error| error.error_response());
        let app = apply_fn_factory(app, |mut request: Request, app| {
            let answering = exchange::begin(&mut request);
            let answer = app.call(request);
            async move {
                let answer: ServiceResponse<BoxBody> = answer.await?;
                let answer: actix_http::Response<BoxBody> = answer.into();
                Ok(answer.map_body(|_, body| AnswerBody::new(body, answering)))
            }
        });
        let stop = self.stop;
        HttpService::build()
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(REQUEST_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .h1_write_buffer_size(PIECE)
            .on_connect_ext(|io: &FlowStream<T>, data| {
                data.insert(Rc::clone(io.flow()));
            })
            .h1(map_config(app, |()| AppConfig::default()))
    }
}

/// Admits a connection; `None` if its client holds as many as it may.
fn admit(io: &TcpStream, shares: &Arc<Shares>) -> Option<(Patience, SocketAddr)> {
    let peer = io.peer_addr().ok()?;
    let share = shares.admit(peer.ip())?;
    Some((Patience::new(Some(share)), peer))
}

/// How a connection is closed that is none of a client's.
fn closed() -> DispatchError {
    DispatchError::Io(ErrorKind::ConnectionAborted.into())
}

fn tcp<F>(
    http: Http<F>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    F: FnOnce(&mut ServiceConfig) + Clone + 'static,
{
    let shares = Arc::clone(&http.shares);
    fn_service(move |io: TcpStream| {
        let admitted = admit(&io, &shares);
        async move {
            let (patience, peer) = admitted.ok_or_else(closed)?;
            Ok((FlowStream::new(io, patience), Some(peer)))
        }
    })
    .and_then(http.service())
}

fn unix<F>(
    http: Http<F>,
) -> impl ServiceFactory<UnixStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    F: FnOnce(&mut ServiceConfig) + Clone + 'static,
{
    fn_service(|io: UnixStream| async move { Ok((FlowStream::new(io, Patience::new(None)), None)) })
        .and_then(http.service())
}

fn secure<F>(
    tls: TlsAcceptor,
    http: Http<F>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    F: FnOnce(&mut ServiceConfig) + Clone + 'static,
{
    let shares = Arc::clone(&http.shares);
    fn_service(move |io: TcpStream| {
        let admitted = admit(&io, &shares);
        let handshake = tls.accept_with(io, |session| session.set_buffer_limit(Some(PIECE)));
        async move {
            let (patience, peer) = admitted.ok_or_else(closed)?;
            let shaken = timeout(HANDSHAKE_TIMEOUT, handshake).await;
            let io = shaken.map_err(|_| DispatchError::Io(ErrorKind::TimedOut.into()))?;
            Ok((
                FlowStream::new(io.map_err(DispatchError::Io)?, patience),
                Some(peer),
            ))
        }
    })
    .and_then(http.service())
}
