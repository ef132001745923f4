//! Sends a file from its pipe to its client, without a copy.

use std::io::ErrorKind;
use std::os::fd::AsFd as _;

use rustix::net::{SendFlags, send};
use storage_backends::FilePipe;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::connection::{Broken, SILENT, STALLED};
use crate::chain::Chain;

/// Bytes after which others get their turn.
const TURN: usize = 1024 * 1024;

/// Sends a head, and all that the pipe has left.
///
/// What a slow client does not take stays in the pipe, where it is the pages of the file and no copy.
pub(super) async fn send_all(
    stream: &TcpStream,
    mut head: Vec<u8>,
    pipe: &mut FilePipe,
    sent: &mut u64,
) -> Result<(), Broken> {
    let start = pipe.take_start();
    head.extend_from_slice(&start);
    write(stream, &head, pipe.left() > 0).await?;
    *sent += start.len() as u64;
    let mut turn = 0;
    while pipe.left() > 0 {
        let splice = stream.async_io(Interest::WRITABLE, || pipe.splice(stream.as_fd(), TURN));
        match timeout(STALLED, splice).await {
            Ok(Ok(0)) => wait(pipe).await?,
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

async fn wait(pipe: &mut FilePipe) -> Result<(), Broken> {
    match timeout(SILENT, pipe.ready()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Broken::Storage(Chain(&error).to_string())),
        Err(_) => Err(Broken::Storage("the storage is silent".to_owned())),
    }
}

/// Writes bytes. If more follows at once, the last of them wait for it: a small file is one packet with its head.
async fn write(stream: &TcpStream, mut bytes: &[u8], more: bool) -> Result<(), Broken> {
    let mut flags = SendFlags::NOSIGNAL;
    flags.set(SendFlags::MORE, more);
    while !bytes.is_empty() {
        let write = stream.async_io(Interest::WRITABLE, || Ok(send(stream, bytes, flags)?));
        match timeout(STALLED, write).await {
            Ok(Ok(written @ 1..)) => bytes = &bytes[written..],
            Ok(_) | Err(_) => return Err(Broken::Client),
        }
    }
    Ok(())
}
