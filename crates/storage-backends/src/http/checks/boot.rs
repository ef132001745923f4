//! The check `boot`.
