//! Lists of backends.

use std::io::Write;

use serde::Serialize;
use storage_persistence::{Listing, UnreadableBackend};

/// What a list of backends begins with; its backends follow, as the store has them, and then [`end_list`].
pub(crate) const LIST: &[u8] = br#"{"success":true,"data":["#;

/// Ends the list in `body`.
///
/// # Errors
/// None: memory takes what is written to it.
pub(crate) fn end_list(body: &mut Vec<u8>, listing: &Listing) -> std::io::Result<()> {
    write!(body, r#"],"total":{}"#, listing.total)?;
    if !listing.unreadable.is_empty() {
        let unreadable: Vec<_> = listing.unreadable.iter().map(UnreadableDto::from).collect();
        body.extend_from_slice(br#","unreadable":"#);
        serde_json::to_writer(&mut *body, &unreadable)?;
    }
    body.push(b'}');
    Ok(())
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
