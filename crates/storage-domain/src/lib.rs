//! The types of PureBoot Storage and their validation.
//!
//! An operator's text is parsed once, at the edge, into types that can't hold a bad value. Every mistake of an input is
//! collected with its JSON Pointer (RFC 6901), so that one answer names them all. This crate does no I/O and knows no
//! async runtime, web framework or database.

pub mod access;
pub mod backend;
pub mod capacity;
pub mod fields;
pub mod files;
mod id;
pub mod ignored;
pub mod invalid;
pub mod jobs;
pub mod kinds;
pub mod luns;
pub mod mount_point;
pub mod net;
pub mod path;
pub mod probe;
pub mod secret;
pub mod shown;
pub mod stats;
mod string_enum;
pub mod template;
mod text;
pub mod uploads;

pub use access::{Actor, Role};
pub use backend::{Backend, BackendId, BackendName, BackendStatus, LastTest, Revision};
pub use capacity::{ByteCount, Capacity};
pub use fields::{Constant, Field, Shape};
pub use files::FilePath;
pub use ignored::IgnoredDirectories;
pub use invalid::{Invalid, InvalidInput, Rule};
pub use jobs::{Job, JobId, JobKind, JobState};
pub use kinds::http::{self, HttpConfig};
pub use kinds::iscsi::{self, IscsiConfig};
pub use kinds::nfs::{self, MountOptions, NfsConfig};
pub use kinds::s3::{self, S3Config};
pub use kinds::{BackendConfig, BackendKind, KindFacts, ShownConfig};
pub use luns::{IscsiTarget, Lun, LunKind};
pub use mount_point::MountPoint;
pub use net::{BaseUrl, Host, HostAddr, Port};
pub use path::ExportPath;
pub use probe::{Check, FindingId, MountInForce, Outcome, ProbeReport};
pub use secret::Secret;
pub use shown::{ShownBackend, timestamp};
pub use stats::{Incomplete, Skipped, Stats};
pub use template::TemplatePatterns;
pub use uploads::{FileHash, UploadId};
