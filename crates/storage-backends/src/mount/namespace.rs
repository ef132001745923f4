//! Unit tests that mount.

#[path = "../../tests/support/alone.rs"]
mod alone;

/// True inside a mount namespace of its own. Outside it runs the test there, and is false; it needs root for that.
pub(crate) fn inside(test: &str) -> bool {
    alone::is_alone(test, &["unshare", "--mount", "--propagation", "private"])
}
