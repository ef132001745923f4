//! One connection: requests one after the other, and their answers.

mod send;
mod splice;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::field::display;

use super::answer::{Afterwards, Answer};
use super::fetch::{self, Subject};
use super::head::{Head, MAX_BYTES};
use super::origin::Origin;
use super::stats::Answered;
use super::{Audience, Boot};
use crate::service::millis;

/// How long a connection is kept for a further request: clients keep theirs for 10 s.
const IDLE: Duration = Duration::from_secs(20);
/// How long a client may take to send a head.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const STALLED: Duration = Duration::from_secs(30);
/// How long the storage may keep a client waiting in the middle of a file, if it has no shorter deadline of its own.
const SILENT: Duration = Duration::from_secs(30);
/// How long a client may take to close.
const CLOSING: Duration = Duration::from_secs(1);
/// Bytes of a head that are read at once; most heads are shorter.
const READ_BYTES: usize = 1024;

/// Logs an answer at a level.
macro_rules! answered {
    ($level:ident, $record:expr) => {
        tracing::$level!(
            client = %$record.client,
            backend.id = $record.subject.backend.map(display),
            path = $record.subject.path.as_ref().map(|path| tracing::field::debug(path.as_str())),
            reason = $record.subject.reason,
            status = $record.status,
            origin = $record.subject.origin.map(Origin::as_str),
            bytes = $record.bytes,
            duration_ms = millis($record.started.elapsed()),
            "boot file"
        )
    };
}

/// A connection.
pub(super) struct Connection {
    boot: Arc<Boot>,
    stream: TcpStream,
    client: IpAddr,
    stop: CancellationToken,
    /// What was read and is not answered: at most the longest head.
    buffer: Vec<u8>,
}

/// An answer, for the log.
struct Record {
    client: IpAddr,
    started: Instant,
    subject: Subject,
    status: u16,
    /// Bytes of the file that were sent.
    bytes: u64,
}

/// Which end of an answer failed.
enum Broken {
    Client,
    /// With its reason.
    Storage(String),
}

impl Connection {
    pub(super) fn new(boot: Arc<Boot>, stream: TcpStream, client: IpAddr, stop: CancellationToken) -> Self {
        Self {
            boot,
            stream,
            client,
            stop,
            buffer: Vec::new(),
        }
    }

    /// Answers requests until the connection ends.
    pub(super) async fn run(mut self) {
        while let Some(head) = self.next_head().await {
            let started = Instant::now();
            let (answer, subject) = match &head {
                // On the heap, so that a connection which waits for a request or for its client is small.
                Ok(head) => Box::pin(fetch::answer(&self.boot, self.client, head)).await,
                Err(status) => (Answer::refusal(*status), Subject::default()),
            };
            let afterwards = self.afterwards(head.as_ref().ok());
            let has_content = head.map_or(true, |head| head.is_get);
            let mut record = Record {
                client: self.client,
                started,
                subject,
                status: answer.status,
                bytes: 0,
            };
            let sent = self
                .send(answer, afterwards, has_content, &mut record.bytes)
                .await;
            self.count(&record, matches!(sent, Err(Broken::Storage(_))));
            self.log(&record, has_content);
            match sent {
                Ok(()) if afterwards == Afterwards::Closed => return self.close().await,
                Ok(()) => {}
                Err(Broken::Client) => return,
                Err(Broken::Storage(reason)) => {
                    let backend = record.subject.backend.map(display);
                    tracing::warn!(client = %self.client, backend.id = backend, reason, "a boot file broke off");
                    // Whatever a client takes for the end of a file must not come. A socket that can't do this ends short too.
                    let _ = self.stream.set_zero_linger();
                    return;
                }
            }
        }
    }

    /// Reads the next head; `None` at the end of the connection.
    async fn next_head(&mut self) -> Option<Result<Head, u16>> {
        let mut until = Instant::now() + IDLE;
        let mut has_begun = false;
        loop {
            match Head::parse(&self.buffer) {
                Ok(Some((head, length))) => {
                    self.buffer.drain(..length);
                    self.buffer.shrink_to(READ_BYTES);
                    return Some(Ok(head));
                }
                Ok(None) => {}
                Err(status) => return Some(Err(status)),
            }
            if !has_begun && !self.buffer.is_empty() {
                has_begun = true;
                until = Instant::now() + HEAD_WAIT;
            }
            let room = MAX_BYTES - self.buffer.len();
            self.buffer.reserve(READ_BYTES.min(room));
            let mut buffer = (&mut self.buffer).limit(room);
            let read = tokio::select! {
                () = self.stop.cancelled() => return None,
                read = timeout_at(until, self.stream.read_buf(&mut buffer)) => read,
            };
            match read {
                Ok(Ok(1..)) => {}
                Err(_) if has_begun => return Some(Err(408)),
                Ok(_) | Err(_) => return None,
            }
        }
    }

    /// Returns what happens after the answer to this head; `None` is one that was refused.
    fn afterwards(&self, head: Option<&Head>) -> Afterwards {
        match head {
            Some(head) if head.keep_alive && !self.stop.is_cancelled() => {
                if head.is_old {
                    Afterwards::KeptByAgreement
                } else {
                    Afterwards::Kept
                }
            }
            _ => Afterwards::Closed,
        }
    }

    /// Closes after an answer. What the client has sent meanwhile is read, or it would get a reset instead of the answer.
    async fn close(mut self) {
        let _closed_already = self.stream.shutdown().await;
        let drain = async {
            for _ in 0..MAX_BYTES / READ_BYTES {
                self.buffer.clear();
                self.buffer.reserve(READ_BYTES);
                if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                    break;
                }
            }
        };
        let _in_time = timeout(CLOSING, drain).await;
    }

    fn count(&self, record: &Record, broke_off: bool) {
        match &self.boot.audience {
            Audience::Machines(stats) => stats.count(Answered {
                status: record.status,
                backend: record.subject.backend,
                origin: record.subject.origin,
                bytes: record.bytes,
                broke_off,
            }),
            Audience::Check(refusal) => {
                if let Some(detail) = &record.subject.detail {
                    // The first one explains those after it.
                    let _is_first = refusal.set(detail.clone());
                }
            }
        }
    }

    /// Writes one line a fetch. Descriptions and parts are for the search of a fault: boot loaders read an image in thousands of
    /// parts. Refusals, which anybody can cause, have a number of lines between them.
    fn log(&self, record: &Record, has_content: bool) {
        let is_machine = matches!(self.boot.audience, Audience::Machines(_));
        let is_fetch = is_machine && record.status == 200 && has_content;
        let is_refusal = is_machine && record.status >= 400;
        if is_fetch || is_refusal && self.boot.access.may_log_stranger() {
            answered!(info, record);
        } else {
            answered!(debug, record);
        }
    }
}
