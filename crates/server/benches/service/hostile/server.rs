//! One server of all traps, in a process of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::host::command;

/// Makes this program the server.
pub(crate) const ARG: &str = "--hostile";

/// The length of a name that no file system has.
const LONG: usize = 60_000;
/// The length of a name that is long, and that file systems have.
const WIDE: usize = 255;

/// What a hostile server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Trap {
    /// Directories without end, whose names are 60 kB long.
    LongNames,
    /// Ten thousand directories in each directory, without end.
    Wide,
    /// A tag of 16 MB with a million attributes.
    Attributes,
    /// A redirect to a path of 30,000 segments, with a listing there.
    Segments,
    /// A bucket whose continuation tokens go round.
    Tokens,
}

impl Trap {
    pub(crate) const ALL: [Self; 5] = [
        Self::LongNames,
        Self::Wide,
        Self::Attributes,
        Self::Segments,
        Self::Tokens,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LongNames => "names",
            Self::Wide => "wide",
            Self::Attributes => "attributes",
            Self::Segments => "segments",
            Self::Tokens => "tokens",
        }
    }

    /// The body that registers a backend of this trap.
    pub(crate) fn backend(self, number: usize, port: u16) -> String {
        let name = self.name();
        let at = format!("http://127.0.0.1:{port}");
        let (kind, config) = match self {
            Self::Tokens => (
                "s3",
                json!({"endpoint": at, "bucket": name, "addressing": "path", "access_key_id": "k", "secret_access_key": "s"}),
            ),
            _ => ("http", json!({"base_url": format!("{at}/{name}/{number}")})),
        };
        json!({"name": format!("{name} {number}"), "type": kind, "config": config}).to_string()
    }

    fn of(path: &str) -> Self {
        let first = path.trim_start_matches('/').split(['/', '?']).next();
        let found = Self::ALL.into_iter().find(|trap| Some(trap.name()) == first);
        found.unwrap_or(Self::Wide)
    }

    fn answer(self, path: &str, made: &Made) -> Answer {
        match self {
            Self::Segments if path.len() < 1000 => {
                let location = format!("Location: {path}/{}\r\n", "a/".repeat(30_000));
                Arc::new((location, Vec::new()))
            }
            _ => {
                let is_second = path.contains("continuation-token=one");
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                let page = || Arc::new(self.page(is_second));
                Arc::clone(made.entry((self, is_second)).or_insert_with(page))
            }
        }
    }

    fn page(self, is_second: bool) -> (String, Vec<u8>) {
        let html = "Content-Type: text/html\r\n".to_owned();
        match self {
            Self::LongNames => (
                html,
                listing((0..200).map(|n| format!("{n}{}", "x".repeat(LONG)))),
            ),
            Self::Wide => (html, listing((0..10_000).map(|n| format!("{n:x>WIDE$}")))),
            Self::Attributes => {
                let attributes = (0..1_400_000).map(|n| format!(" a{n:06x}=1"));
                let page = format!("<html><body><a{}>x</a>", attributes.collect::<String>());
                (html, page.into_bytes())
            }
            Self::Segments => (html, listing((0..1000).map(|n| format!("{n}")))),
            Self::Tokens => {
                let next = if is_second { "two" } else { "one" };
                let key = |n: usize| format!("<Contents><Key>{n:k>1000}</Key><Size>1</Size></Contents>");
                let keys: String = (0..1000).map(key).collect();
                let body = format!(
                    "<ListBucketResult><Name>tokens</Name><IsTruncated>true</IsTruncated>\
                     <NextContinuationToken>{next}</NextContinuationToken>{keys}</ListBucketResult>"
                );
                ("Content-Type: application/xml\r\n".to_owned(), body.into_bytes())
            }
        }
    }
}

/// A listing of directories as nginx renders it.
fn listing(names: impl Iterator<Item = String>) -> Vec<u8> {
    let mut page = "<html><body><h1>Index of /</h1><hr><pre><a href=\"../\">../</a>\n".to_owned();
    for name in names {
        page.extend(["<a href=\"", &name, "/\">", &name, "/</a> 26-Nov-2026 12:00 -\n"]);
    }
    page.push_str("</pre></body></html>");
    page.into_bytes()
}

/// The server, killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts the server, which gets what the service and its clients leave of the processors: it stands for other machines.
    pub(crate) fn start() -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let mut child = command("chrt")
            .args(["--idle", "0"])
            .arg(this)
            .arg(ARG)
            .stdout(Stdio::piped())
            .spawn()
            .expect("util-linux is installed");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it tells its port");
        let port = line.trim().parse().expect("a port");
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer's header fields and body.
type Answer = Arc<(String, Vec<u8>)>;

/// What was sent before, made once.
type Made = Mutex<HashMap<(Trap, bool), Answer>>;

/// Serves until it is killed.
#[expect(clippy::print_stdout, reason = "the port is what the parent waits for")]
pub(crate) fn serve() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    println!("{}", listener.local_addr().expect("it has an address").port());
    let made = Arc::new(Made::default());
    for stream in listener.incoming().map_while(Result::ok) {
        let made = Arc::clone(&made);
        std::thread::spawn(move || talk(&stream, &made));
    }
}

/// Answers requests until the client hangs up.
fn talk(stream: &TcpStream, made: &Made) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        reader.read_line(&mut request).ok().filter(|read| *read > 0)?;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
            if header.trim_end().is_empty() {
                break;
            }
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let answer = Trap::of(path).answer(path, made);
        let (head, body) = answer.as_ref();
        let status = if head.starts_with("Location") {
            "302 Found"
        } else {
            "200 OK"
        };
        let head = format!(
            "HTTP/1.1 {status}\r\n{head}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut out = stream;
        out.write_all(head.as_bytes()).ok()?;
        if method != "HEAD" {
            out.write_all(body).ok()?;
        }
    }
}
