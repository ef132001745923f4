//! A server of objects in memory, in a process of its own.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;

use crate::memory::Memory;

/// Makes this program the server.
pub(crate) const ARG: &str = "--serve";
/// How many objects each bucket has.
pub(crate) const OBJECTS: u64 = 100_000;
/// All objects at the top; and in 10 directories, each of 100 directories.
pub(crate) const BUCKETS: [&str; 2] = ["flat", "deep"];
/// The key, and the variable of the surroundings that its secret is in.
pub(crate) const KEY: &str = "AKBENCH";
pub(crate) const SECRET_VARIABLE: &str = "S3_BENCH_SECRET";
pub(crate) const SECRET: &str = "a-secret-of-the-benchmark";
pub(crate) const SIZE: i64 = 4096;

/// What is in one bucket.
pub(crate) fn total_bytes() -> u64 {
    OBJECTS * SIZE.unsigned_abs()
}

/// A running server, ended when it is dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) fn start() -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "what is measured is started here")]
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARG)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let port = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves for good, and prints the port first.
pub(crate) fn serve() -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        let mut builder = S3ServiceBuilder::new(Memory::new());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(exchange(TokioIo::new(stream), service.clone()));
        }
    })
}

async fn exchange(stream: TokioIo<tokio::net::TcpStream>, service: S3Service) {
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(stream, service)
        .await;
}
