//! The types of PureBoot Storage and their validation.
//!
//! Text that an operator typed is parsed once, at the edge, into types that can't hold a bad value; every mistake of
//! an input is collected with its JSON Pointer (RFC 6901), so that one answer names them all. This crate does no I/O
//! and knows no async runtime, web framework or database.

pub mod access;
pub mod backend;
pub mod capacity;
pub mod config;
mod fields;
pub mod http;
pub mod invalid;
pub mod iscsi;
pub mod luns;
pub mod net;
pub mod nfs;
pub mod path;
pub mod probe;
pub mod s3;
pub mod secret;
pub mod template;
mod text;
mod words;

pub use access::{Actor, Role};
pub use backend::{Backend, BackendId, BackendKind, BackendName, BackendStatus, LastTest, Revision};
pub use capacity::{ByteCount, Capacity, Stats};
pub use config::{BackendConfig, ShownConfig};
pub use http::HttpConfig;
pub use invalid::{Invalid, InvalidInput, Rule};
pub use iscsi::IscsiConfig;
pub use luns::{IscsiTarget, Lun, LunKind};
pub use net::{BaseUrl, Host, HostAddr, Port};
pub use nfs::{MountOptions, NfsConfig};
pub use path::{ExportPath, MountPoint};
pub use probe::{Check, FindingId, MountInForce, Outcome, ProbeReport};
pub use s3::S3Config;
pub use secret::Secret;
pub use template::TemplatePatterns;
