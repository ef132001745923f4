//! What a client holds while its work goes on.

use std::any::Any;
use std::sync::Arc;

/// What the work that a client asked for holds to its end, even where the client hangs up: its turn among the few that one
/// client may have. The use cases don't know what it is. Whoever only waits for the work of another one gives it back
/// when it hangs up.
#[derive(Debug, Clone, Default)]
pub struct Permit(
    #[expect(dead_code, reason = "it is held, and read by nobody")] Option<Arc<dyn Any + Send + Sync>>,
);

impl Permit {
    /// Of work that nobody counts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Ends this value with the last of its clones.
    pub(crate) fn holding(turn: impl Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(turn)))
    }
}
