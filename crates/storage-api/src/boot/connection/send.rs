//! Sending answers: their heads, and files in pieces or from the cache.

use std::fs::File;
use std::io::{self, ErrorKind};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};
use storage_backends::{Error, FileBytes};
use tokio::io::Interest;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{Broken, Connection, SILENT, STALLED};
use crate::boot::answer::{Afterwards, Answer, Content};
use crate::boot::cache::{Next, Reader};
use crate::chain::Chain;

impl Connection {
    pub(super) async fn send(
        &mut self,
        answer: Answer,
        afterwards: Afterwards,
        has_content: bool,
        sent: &mut u64,
    ) -> Result<(), Broken> {
        let mut head = answer.head(afterwards).into_bytes();
        match answer.content {
            Content::File(first, rest) if has_content => {
                self.write(&head, true).await?;
                self.copy(first, rest, answer.length, sent).await
            }
            Content::Pipe(pipe) if has_content => self.send_spliced(head, pipe, sent).await,
            Content::Cached(reader) if has_content => {
                self.write(&head, true).await?;
                self.send_cached(reader, answer.length, sent).await
            }
            Content::Text(text) if has_content => {
                head.extend_from_slice(text.as_bytes());
                self.write(&head, false).await
            }
            Content::None | Content::Text(_) | Content::File(..) | Content::Pipe(_) | Content::Cached(_) => {
                self.write(&head, false).await
            }
        }
    }

    /// Sends exactly as many bytes as the head says. The next piece is read when the last one is sent, so that a slow client
    /// costs one piece.
    async fn copy(
        &mut self,
        first: Bytes,
        mut rest: FileBytes,
        length: u64,
        sent: &mut u64,
    ) -> Result<(), Broken> {
        let mut piece = first;
        loop {
            let after = *sent + piece.len() as u64;
            if after > length {
                return Err(Broken::Storage("the file is longer than it was".to_owned()));
            }
            self.write(&piece, false).await?;
            *sent = after;
            if after == length {
                return Ok(());
            }
            let next = in_time(rest.next().map(Option::transpose)).await?;
            let is_shorter = || Broken::Storage("the file is shorter than it was".to_owned());
            piece = next.ok_or_else(is_shorter)?;
        }
    }

    /// Writes bytes. If more follows at once, the last of them wait for it: a small file is one packet with its head.
    pub(super) async fn write(&mut self, mut bytes: &[u8], more: bool) -> Result<(), Broken> {
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, more);
        while !bytes.is_empty() {
            let write = || Ok(send(&self.stream, bytes, flags)?);
            match timeout(STALLED, self.stream.async_io(Interest::WRITABLE, write)).await {
                Ok(Ok(written @ 1..)) => bytes = &bytes[written..],
                Ok(_) | Err(_) => return Err(Broken::Client),
            }
        }
        Ok(())
    }

    /// Sends all that a reader has, and the rest from the storage if the disk does not get it.
    async fn send_cached(&mut self, mut reader: Reader, length: u64, sent: &mut u64) -> Result<(), Broken> {
        loop {
            let next = reader.next().await;
            match next.map_err(|error| Broken::Storage(Chain(&error).to_string()))? {
                Next::End => return Ok(()),
                Next::Rest(rest) => return self.copy(Bytes::new(), rest, length, sent).await,
                Next::Part(file, at, most) => {
                    let bytes = self.send_part(&file, at, most).await?;
                    reader.advance(bytes);
                    *sent += bytes;
                }
            }
            // Others have their turn.
            yield_now().await;
        }
    }

    async fn send_part(&self, file: &File, at: u64, most: u64) -> Result<u64, Broken> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let send = || {
            let mut at = at;
            sendfile(&self.stream, file, Some(&mut at), most).map_err(io::Error::from)
        };
        match timeout(STALLED, self.stream.async_io(Interest::WRITABLE, send)).await {
            Ok(Ok(0)) => Err(Broken::Storage(
                "the cached file is shorter than it was".to_owned(),
            )),
            Ok(Ok(bytes)) => Ok(bytes as u64),
            Ok(Err(error)) if !is_of_client(&error) => Err(Broken::Storage(error.to_string())),
            Ok(Err(_)) | Err(_) => Err(Broken::Client),
        }
    }
}

/// Waits for the storage, as long as it may be silent.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Broken> {
    match timeout(SILENT, work).await {
        Ok(done) => done.map_err(|error| Broken::Storage(Chain(&error).to_string())),
        Err(_) => Err(Broken::Storage("the storage is silent".to_owned())),
    }
}

/// Returns whether an error is the connection's, and not the file's.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
    )
}
