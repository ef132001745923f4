//! What the handlers share.

use std::sync::{Arc, LazyLock};

use actix_web::web::Bytes;

use crate::access::Access;
use crate::service::App;

/// What the handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) app: Arc<App>,
    pub(crate) access: Arc<Access>,
}

/// A document that stays the same as long as the service runs.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    pub(crate) entity_tag: String,
}

/// The OpenAPI document. Rendered when it is first asked for: that takes more memory than all else that a start does.
pub(crate) static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let body = Bytes::from(crate::openapi::document());
    let entity_tag = format!("\"{:016x}\"", fnv1a(&body));
    Document { body, entity_tag }
});

impl State {
    pub(crate) fn new(app: Arc<App>, access: Arc<Access>) -> Self {
        Self { app, access }
    }
}

/// The 64-bit FNV-1a hash: the same for the same bytes in every process.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
