//! The size of all files together.

use futures_util::StreamExt as _;
use futures_util::stream;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use hyper::{Method, StatusCode};

use crate::http::client::{Answer, Ask};
use crate::http::lister::Lister;
use crate::http::scan::Walk;

/// What the listings told exactly, and for the files without an exact size what the server says of each. `None` where these are too
/// many ([`Limits::size_requests`](crate::http::Limits::size_requests)), or where one of them does not tell: a sum
/// with gaps would look like a size.
pub(super) async fn total(lister: &Lister<'_>, walk: &Walk<'_>) -> Option<u64> {
    if usize::try_from(walk.unsized_files) != Ok(walk.unsized_paths.len()) {
        return None;
    }
    let paths = walk.unsized_paths.clone();
    let asked = stream::iter(paths).map(|path| async move { size(lister, &path).await });
    let mut sizes = std::pin::pin!(asked.buffer_unordered(walk.limits.parallel));
    let mut sum = walk.bytes;
    while let Some(size) = sizes.next().await {
        sum = sum.saturating_add(size?);
    }
    Some(sum)
}

async fn size(lister: &Lister<'_>, path: &str) -> Option<u64> {
    let url = lister.url(path).ok()?;
    let head = lister
        .client()
        .send(&Ask::new(Method::HEAD, url.clone()))
        .await
        .ok()?;
    if let Some(told) = length(&head).filter(|_| head.status.is_success()) {
        return Some(told);
    }
    // Apache answers HEAD of an empty file without a length, and some servers refuse HEAD.
    let get = Ask::new(Method::GET, url).with(RANGE, "bytes=0-0");
    let first_byte = lister.client().send(&get).await.ok()?;
    match first_byte.status {
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => whole_length(&first_byte),
        StatusCode::OK => length(&first_byte),
        _ => None,
    }
}

fn length(answer: &Answer) -> Option<u64> {
    answer.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The length behind the slash of `bytes 0-0/1234` (RFC 9110, section 14.4).
fn whole_length(answer: &Answer) -> Option<u64> {
    let range = answer.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit_once('/')?.1.parse().ok()
}
