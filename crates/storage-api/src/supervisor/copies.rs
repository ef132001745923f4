//! Copies of files that are kept elsewhere, and forgotten when this process changes the files.

use std::fmt;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;
use storage_domain::{BackendId, FilePath};

/// Forgets the copies of a file, or of all that is below a directory, at once; the future ends when no crash brings them back.
pub(crate) type Forget = Box<dyn Fn(BackendId, &FilePath) -> BoxFuture<'static, ()> + Send + Sync>;

/// Who keeps copies.
#[derive(Default)]
pub(crate) struct Copies(OnceLock<Forget>);

impl Copies {
    /// Has copies forgotten by this; there is one who keeps any.
    pub(crate) fn set(&self, forget: Forget) {
        // A second one would be a second boot listener.
        let _ = self.0.set(forget);
    }

    /// Forgets the copies of a file, or of all that is below a directory.
    pub(crate) async fn forget(&self, backend: BackendId, path: &FilePath) {
        if let Some(forget) = self.0.get() {
            forget(backend, path).await;
        }
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Copies").field(&self.0.get().is_some()).finish()
    }
}
