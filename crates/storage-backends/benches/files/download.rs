//! Downloads through a helper, handed on to sockets as they come.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use storage_backends::{Begun, FileBytes, OpContext, ReadRequest};
use storage_domain::FilePath;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};

use crate::{LIMIT, command, helpers, of_children, this};

/// Makes this program serve the file of the directory that follows, in pieces.
pub(crate) const PIECES: &str = "--serve-pieces";
/// The same, from pipes.
pub(crate) const SPLICED: &str = "--serve-spliced";

const BYTES: u64 = 256 * 1024 * 1024;
const CONNECTIONS: u16 = 16;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// Bytes that one call sends.
const TURN: usize = 1024 * 1024;
const FILE: &str = "file";
const REQUEST: &[u8] = b"GET /file HTTP/1.0\r\n\r\n";

/// Writes the file.
pub(crate) fn prepare(dir: &Path) -> io::Result<()> {
    fs::write(
        dir.join(FILE),
        vec![0x5a; usize::try_from(BYTES).map_err(io::Error::other)?],
    )
}

/// The processor seconds a GiB of nginx, and of this.
pub(crate) fn compare(way: &str, dir: &Path) -> io::Result<(f64, f64)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = dir.join("nginx.conf");
    let root = dir.display();
    fs::write(
        &config,
        format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr crit; events {{}} http {{ access_log off; \
             sendfile on; server {{ listen 127.0.0.1:{port}; root {root}; }} }}"
        ),
    )?;
    let mut nginx = command("nginx");
    let nginx = nginx
        .arg("-p")
        .arg(dir)
        .arg("-c")
        .arg(&config)
        .stderr(Stdio::null())
        .spawn()?;
    let theirs = spent(nginx, SocketAddr::from(([127, 0, 0, 1], port)))?;
    let mut ours = this()?.arg(way).arg(dir).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    if let Some(out) = ours.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    Ok((
        theirs,
        spent(ours, line.trim().parse().map_err(io::Error::other)?)?,
    ))
}

/// Downloads from a server, ends it, and returns what it took.
fn spent(mut server: Child, address: SocketAddr) -> io::Result<f64> {
    let before = of_children()?;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| std::thread::spawn(move || fetch(address)))
        .collect();
    let fetched = clients.into_iter().try_for_each(|client| {
        let fetched = client
            .join()
            .map_err(|_| io::Error::other("a client panicked"))??;
        if fetched < BYTES {
            return Err(io::Error::other(format!("{fetched} bytes came")));
        }
        Ok(())
    });
    let pid = i32::try_from(server.id()).map_err(io::Error::other)?;
    // Both end by themselves, so that what their children took counts.
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    server.wait()?;
    fetched?;
    let gib = f64::from(CONNECTIONS) * (256.0 * 1024.0 * 1024.0) / GIB;
    Ok((of_children()? - before) / gib)
}

/// Returns how many bytes an answer has.
fn fetch(address: SocketAddr) -> io::Result<u64> {
    let end = Instant::now() + Duration::from_secs(10);
    let mut stream = loop {
        match TcpStream::connect(address) {
            Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            connected => break connected?,
        }
    };
    stream.write_all(REQUEST)?;
    let (mut piece, mut fetched) = (vec![0; 256 * 1024], 0);
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(fetched),
            read => fetched += read as u64,
        }
    }
}

/// Serves the file in this process until it is told to end.
pub(crate) fn serve_here(way: &str, dir: &str) -> io::Result<()> {
    let is_spliced = way == SPLICED;
    let runtime = tokio::runtime::Runtime::new()?;
    let (queue, mut place) = helpers(dir);
    place.idle = Duration::from_millis(100);
    runtime.block_on(async {
        let mut told = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await?;
                let (queue, place) = (queue.clone(), place.clone());
                tokio::spawn(async move {
                    stream.read_exact(&mut [0; REQUEST.len()]).await?;
                    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await?;
                    let cx = OpContext::within(LIMIT);
                    let path: FilePath = "/file".parse().map_err(io::Error::other)?;
                    let request = ReadRequest {
                        offset: 0,
                        length: None,
                        etag: None,
                        size: None,
                    };
                    let read = queue.read_file(&cx, &place, &path, &request).await;
                    let mut bytes = FileBytes::from(read.map_err(io::Error::other)?);
                    if is_spliced {
                        return splice(bytes, &mut stream).await;
                    }
                    while let Some(piece) = bytes.try_next().await.map_err(io::Error::other)? {
                        stream.write_all(&piece).await?;
                    }
                    Ok::<(), io::Error>(())
                });
            }
        };
        tokio::select! {
            ended = serve => return ended,
            _ = told.recv() => {}
        }
        // The helper is idle now, ends, and is waited for.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(())
    })
}

async fn splice(bytes: FileBytes, stream: &mut tokio::net::TcpStream) -> io::Result<()> {
    let Some(Begun::Pipe(mut pipe)) = bytes.begin().await.map_err(io::Error::other)? else {
        return Err(io::Error::other("the file is in no pipe"));
    };
    stream.write_all(&pipe.take_start()).await?;
    while pipe.left() > 0 {
        let splice = stream.async_io(Interest::WRITABLE, || pipe.splice(stream.as_fd(), TURN));
        if splice.await? == 0 {
            pipe.ready().await.map_err(io::Error::other)?;
        }
    }
    Ok(())
}
