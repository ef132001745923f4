//! The rules of names, configs and their parts, as tables and as properties.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]

mod access;
mod backend;
mod fields;
mod http;
mod iscsi;
mod merge;
mod networks;
mod nfs;
mod nfs_options;
mod portal;
mod properties;
mod s3;
mod support;
