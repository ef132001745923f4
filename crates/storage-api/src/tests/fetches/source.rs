//! A web server on the loopback that fails in the way that a path names.

use std::sync::{Arc, LazyLock, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Must be shown to nobody.
pub(super) const CANARY: &str = "canary-5e1f";
/// What the server has at most paths.
pub(super) static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=250).cycle().take(300_000).collect());
/// Its hash.
pub(super) const SHA256: &str = "3c65ea93424a9c362fec0e3a69ea36031e8a358441479dd665cc6110eabe7b08";

pub(super) struct Source {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Source {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, port, Arc::clone(&seen)));
            }
        });
        Self { port, heads }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the headers of the requests, in their order.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Answers one request. A client that hangs up is none of its business.
async fn serve(mut stream: TcpStream, port: u16, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let number = {
        let mut heads = heads.lock().unwrap();
        heads.push(head.clone());
        heads.len()
    };
    let path = head.split([' ', '?']).nth(1).unwrap();
    let (fields, content, then) = answer(path, &head, number, port);
    let mut bytes = format!("HTTP/1.1 {fields}Connection: close\r\n\r\n").into_bytes();
    bytes.extend(content);
    let _ = stream.write_all(&bytes).await;
    match then {
        Then::Ends => {}
        Then::Stalls => std::future::pending().await,
        Then::Repeats(piece) => while stream.write_all(&piece).await.is_ok() {},
    }
}

/// What follows the first bytes.
enum Then {
    Ends,
    Stalls,
    Repeats(Vec<u8>),
}

const HALF: usize = 150_000;

/// Returns the status and the fields of an answer, its first bytes, and what follows.
fn answer(path: &str, head: &str, number: usize, port: u16) -> (String, Vec<u8>, Then) {
    let all = CONTENT.len();
    let plain = |etag: &str| format!("200 OK\r\nContent-Length: {all}\r\nETag: {etag}\r\n");
    let half = || CONTENT[..HALF].to_vec();
    let (is_first, from) = (number == 1, range(head));
    match path {
        "/redirect" => redirect("/file"),
        "/elsewhere" => redirect(&format!("http://127.0.0.2:{port}/file")),
        "/file-url" => redirect("file:///etc/passwd"),
        "/missing" => {
            let text = format!("404 {CANARY}\r\nContent-Length: {}\r\n", CANARY.len());
            (text, CANARY.into(), Then::Ends)
        }
        "/late" if is_first => (plain("\"v1\""), Vec::new(), Then::Ends),
        "/busy" if is_first => {
            let text = "503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n";
            (text.to_owned(), Vec::new(), Then::Ends)
        }
        "/cut" | "/whole" | "/changed" if is_first => (plain("\"v1\""), half(), Then::Ends),
        "/cut" => {
            assert!(head.contains("if-range: \"v1\"\r\n"), "{head}");
            let from = from.unwrap();
            let last = all - 1;
            let length = all - from;
            let text = format!(
                "206 Partial Content\r\nContent-Length: {length}\r\nContent-Range: bytes {from}-{last}/{all}\r\nETag: \"v1\"\r\n"
            );
            (text, CONTENT[from..].to_vec(), Then::Ends)
        }
        "/changed" => (plain("\"v2\""), CONTENT.clone(), Then::Ends),
        "/bare" => (format!("200 OK\r\nContent-Length: {all}\r\n"), half(), Then::Ends),
        "/stalls" => (plain("\"v1\""), half(), Then::Stalls),
        "/large" => (
            "200 OK\r\nContent-Length: 1000001\r\n".to_owned(),
            half(),
            Then::Stalls,
        ),
        "/endless" => {
            let piece = [b"1000\r\n", vec![b'x'; 0x1000].as_slice(), b"\r\n"].concat();
            let text = "200 OK\r\nTransfer-Encoding: chunked\r\n".to_owned();
            (text, Vec::new(), Then::Repeats(piece))
        }
        "/unbounded" => ("200 OK\r\n".to_owned(), CONTENT.clone(), Then::Ends),
        "/compressed" => (
            format!("{}Content-Encoding: br\r\n", plain("\"v1\"")),
            CONTENT.clone(),
            Then::Ends,
        ),
        _ => (plain("\"v1\""), CONTENT.clone(), Then::Ends),
    }
}

fn redirect(to: &str) -> (String, Vec<u8>, Then) {
    let text = format!("302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n");
    (text, Vec::new(), Then::Ends)
}

/// Returns where the range begins that a request asks for.
fn range(head: &str) -> Option<usize> {
    let (_, range) = head.split_once("range: bytes=")?;
    range.split('-').next()?.parse().ok()
}
