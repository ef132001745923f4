//! The checks of an HTTP directory.

pub(crate) mod boot;
pub(crate) mod status;

pub(crate) use crate::probe::{Checks, Stopped};

/// The names of the checks, in the order in which they run. Every report has all of them.
pub(crate) const NAMES: [&str; 6] = ["resolve", "connect", "tls", "auth", "status", "boot"];
