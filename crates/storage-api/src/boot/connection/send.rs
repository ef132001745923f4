//! Sending what the cache has: from the file to the socket by the kernel alone.

use std::fs::File;
use std::io::{self, ErrorKind};

use bytes::Bytes;
use rustix::fs::sendfile;
use tokio::io::Interest;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{Broken, Connection, STALLED};
use crate::boot::cache::{Next, Reader};
use crate::chain::Chain;

impl Connection {
    /// Sends all that a reader has, and the rest from the storage if the disk does not get it.
    pub(super) async fn send_cached(
        &mut self,
        mut reader: Reader,
        length: u64,
        sent: &mut u64,
    ) -> Result<(), Broken> {
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
