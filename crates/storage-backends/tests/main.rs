//! The backends against real servers, and against servers, file systems and helpers that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod conformance;
mod connections;
mod helpers;
mod http;
mod iscsi;
mod s3;
mod scan;
mod showmount;
mod support;
