//! Reads bodies under bounds of size and time.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::http::classify::classify;
use crate::http::failure::Failure;
use crate::http::limits::Limits;

/// A body above this size waits until it is the only such one, in bytes.
const LARGE_BYTES: usize = 512 * 1024;

/// A body that has been read.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether that is all of the body.
    pub(crate) whole: bool,
    /// Held as long as a large body is in memory.
    pub(crate) permit: Option<SemaphorePermit<'a>>,
}

/// Reads at most [`Limits::page_bytes`]. `large` lets one large body after the other into memory.
pub(crate) async fn read<'a>(
    body: Incoming,
    limits: &Limits,
    large: &'a Semaphore,
) -> Result<Text<'a>, Failure> {
    match timeout(limits.page, read_pieces(body, limits, large)).await {
        Ok(read) => read,
        Err(_) => Err(Failure::BodyStalled),
    }
}

/// Waits for the first piece of a body, or for its end, and reads no more of it.
pub(crate) async fn begins(mut body: Incoming, limits: &Limits) -> Result<(), Failure> {
    let first = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            if frame.data_ref().is_some_and(|data| !data.is_empty()) {
                break;
            }
        }
        Ok(())
    };
    timeout(limits.pause, first)
        .await
        .map_err(|_| Failure::BodyStalled)?
}

fn broken(error: &hyper::Error) -> Failure {
    match classify(error) {
        Failure::Reset => Failure::Reset,
        _ => Failure::BodyBroken,
    }
}

async fn read_pieces<'a>(
    mut body: Incoming,
    limits: &Limits,
    large: &'a Semaphore,
) -> Result<Text<'a>, Failure> {
    let mut bytes = Vec::new();
    let mut permit = None;
    loop {
        let frame = timeout(limits.pause, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Failure::BodyStalled)? else {
            break;
        };
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        let room = limits.page_bytes - bytes.len();
        if data.len() > room {
            bytes.extend_from_slice(&data[..room]);
            return Ok(Text {
                bytes,
                whole: false,
                permit,
            });
        }
        if permit.is_none() && bytes.len() + data.len() > LARGE_BYTES {
            // The semaphore is never closed.
            permit = large.acquire().await.ok();
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Text {
        bytes,
        whole: true,
        permit,
    })
}
