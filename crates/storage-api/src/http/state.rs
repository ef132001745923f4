//! What the handlers share.

use std::sync::{Arc, LazyLock};

use actix_web::web::Bytes;

use crate::Boot;
use crate::access::Access;
use crate::service::App;

/// What the handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) app: Arc<App>,
    pub(crate) access: Arc<Access>,
    pub(crate) boot: Arc<Boot>,
    /// The OpenAPI document. It is rendered when it is first asked for, which takes more memory than the rest of a start.
    pub(crate) document: &'static LazyLock<Document>,
}

/// A document that stays the same as long as the service runs.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    pub(crate) entity_tag: String,
}

impl State {
    pub(crate) fn new(
        app: Arc<App>,
        access: Arc<Access>,
        boot: Arc<Boot>,
        document: &'static LazyLock<Document>,
    ) -> Self {
        Self {
            app,
            access,
            boot,
            document,
        }
    }
}

impl Document {
    pub(crate) fn new(text: String) -> Self {
        let body = Bytes::from(text);
        let entity_tag = format!("\"{:016x}\"", fnv1a(&body));
        Self { body, entity_tag }
    }
}

/// Returns the 64-bit FNV-1a hash: the same for the same bytes in every process.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
