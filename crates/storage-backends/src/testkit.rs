//! The suite that every backend passes, and fakes.
