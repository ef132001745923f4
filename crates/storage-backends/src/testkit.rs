//! The suite that every backend passes, and fakes.

pub mod conformance;
mod fake_backend;

pub use fake_backend::{FakeBackend, FakeCalls};
