//! The size of all files together.

use futures_util::StreamExt as _;
use futures_util::stream;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE};

use crate::http::lister::Lister;
use crate::http::scan::Walk;
use crate::web::Answer;

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
    // Apache answers HEAD of an empty file without a length.
    let enough = |head: &Answer| head.status.is_success() && length(head).is_some();
    let answer = lister.client().look(&url, enough).await.ok()?;
    match answer.status {
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => complete_length(&answer),
        StatusCode::OK => length(&answer),
        _ => None,
    }
}

fn length(answer: &Answer) -> Option<u64> {
    answer.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns the length behind the slash of `bytes 0-0/1234` (RFC 9110, section 14.4).
fn complete_length(answer: &Answer) -> Option<u64> {
    let range = answer.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit_once('/')?.1.parse().ok()
}
