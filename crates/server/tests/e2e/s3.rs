//! A bucket in memory that has all that uploads in parts need.

#[path = "../../../storage-backends/tests/s3/store/mod.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared; what can't be set up fails the test"
)]
mod store;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) use crate::buckets::CANARY;

fn config(endpoint: &str, bucket: &str, key: &str) -> Value {
    json!({ "endpoint": endpoint, "bucket": bucket, "access_key_id": key, "secret_access_key": CANARY })
}

/// The server, ended when it is dropped.
pub(crate) struct Bucket {
    store: store::Store,
    _runtime: Runtime,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime can be made");
        Self {
            store: runtime.block_on(store::Store::start()),
            _runtime: runtime,
        }
    }

    pub(crate) fn config(&self) -> Value {
        self.store.config()
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.store.bytes(key).map(Vec::from)
    }
}
