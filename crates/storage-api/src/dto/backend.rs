//! Backends that the store has as JSON.

use std::convert::Infallible;

use actix_web::body::{MessageBody, SizedStream};
use actix_web::web::Bytes;
use futures_util::stream;
use serde::Serialize;
use storage_persistence::{Listing, UnreadableBackend};

/// Returns the body of the answer with one backend, as [`One`](super::One) has it.
pub(crate) fn one(json: &str) -> String {
    format!(r#"{{"success":true,"data":{json},"message":null}}"#)
}

/// Returns the body of a list, whose backends are sent as the store has them.
///
/// # Errors
/// None: memory takes what is written to it.
pub(crate) fn list(listing: Listing) -> serde_json::Result<impl MessageBody> {
    let mut end = format!(r#"],"total":{}"#, listing.total);
    if !listing.unreadable.is_empty() {
        let unreadable: Vec<_> = listing.unreadable.iter().map(UnreadableDto::from).collect();
        end.push_str(r#","unreadable":"#);
        end.push_str(&serde_json::to_string(&unreadable)?);
    }
    end.push('}');
    let begin = Bytes::from_static(br#"{"success":true,"data":["#);
    let mut parts = vec![begin];
    parts.extend(listing.members);
    parts.push(Bytes::from(end));
    let length = parts.iter().map(|part| part.len() as u64).sum();
    let parts = parts.into_iter().map(Ok::<_, Infallible>);
    Ok(SizedStream::new(length, stream::iter(parts)))
}

/// A stored backend that can't be read.
#[derive(Debug, Serialize)]
struct UnreadableDto {
    id: Option<String>,
    detail: String,
}

impl From<&UnreadableBackend> for UnreadableDto {
    fn from(row: &UnreadableBackend) -> Self {
        Self {
            id: row.id.map(|id| id.to_string()),
            detail: row.reason.clone(),
        }
    }
}
