//! Sending a file from its pipe, without a copy.

use std::io::ErrorKind;
use std::os::fd::AsFd as _;

use storage_backends::FilePipe;
use tokio::io::Interest;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::send::in_time;
use super::{Broken, Connection, STALLED};

/// Bytes after which others get their turn.
const TURN: usize = 1024 * 1024;

impl Connection {
    /// Sends a head, and all that the pipe has left.
    ///
    /// What a slow client does not take stays in the pipe, where it is the pages of the file and no copy.
    pub(super) async fn send_spliced(
        &mut self,
        mut head: Vec<u8>,
        mut pipe: Box<FilePipe>,
        sent: &mut u64,
    ) -> Result<(), Broken> {
        let start = pipe.take_start();
        head.extend_from_slice(&start);
        self.write(&head, pipe.left() > 0).await?;
        *sent += start.len() as u64;
        let mut turn = 0;
        while pipe.left() > 0 {
            let splice = || pipe.splice(self.stream.as_fd(), TURN);
            match timeout(STALLED, self.stream.async_io(Interest::WRITABLE, splice)).await {
                Ok(Ok(0)) => in_time(pipe.ready()).await?,
                Ok(Ok(moved)) => {
                    *sent += moved as u64;
                    turn += moved;
                }
                Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Err(Broken::Storage("the file was changed meanwhile".to_owned()));
                }
                Ok(Err(_)) | Err(_) => return Err(Broken::Client),
            }
            if turn >= TURN {
                turn = 0;
                yield_now().await;
            }
        }
        Ok(())
    }
}
