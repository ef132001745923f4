//! The suite that every backend passes, and fakes.

mod fake_backend;

pub use fake_backend::{FakeBackend, FakeCalls};
