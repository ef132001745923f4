//! Many downloads whose clients take their time cost little memory; in a process of its own, which nothing else grows.

use std::fs;

use futures_util::{StreamExt as _, future};
use storage_backends::{ReadRequest, Tree as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::http::{cx, plain};
use crate::support::alone::is_alone;
use crate::support::files::path;

const STREAMS: u64 = 200;
/// What one of them may add to this process's resident memory, the server's side included: 1,000 of them stay under
/// 150 MB, with what a service needs besides.
const GROWTH_KIB: u64 = 100;
/// What the few that read large pieces may add, all together: two pieces of 256 KiB for each of eight.
const LARGE_KIB: u64 = 8 * 2 * 256;

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sends as much as is taken.
async fn serve(mut stream: TcpStream) {
    const PIECE: &[u8] = &[b'x'; 1 << 16];
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await;
    let _ = stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        .await;
    while stream.write_all(PIECE).await.is_ok() {}
}

#[tokio::test]
async fn slow_clients_cost_little_memory() {
    if !is_alone("http::slow::slow_clients_cost_little_memory", &[]) {
        return;
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let backend = plain(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let before = resident_kib();
    let read = async || {
        let request = ReadRequest {
            offset: 0,
            length: None,
            etag: None,
            size: None,
        };
        let mut stream = backend.read(&cx(), &path("/a.iso"), &request).await.unwrap();
        // As much as lets pieces grow (4 MiB), and more than lets every buffer grow as far as it does.
        let mut taken = 0;
        while taken < 6 * 1024 * 1024 {
            taken += stream.next().await.unwrap().unwrap().len();
        }
        let held = stream.next().await.unwrap().unwrap();
        (stream, held)
    };
    let held = future::join_all((0..STREAMS).map(|_| read())).await;
    let growth = resident_kib().saturating_sub(before + LARGE_KIB) / STREAMS;
    assert!(
        growth < GROWTH_KIB,
        "{growth} KiB for each of {} streams",
        held.len()
    );
}
