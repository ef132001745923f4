//! The store of backends, on SQLite and PostgreSQL.
//!
//! A write is answered after its commit, and every read after that sees it. No unit of work holds a connection longer
//! than its statements take: one, or a change and its audit record. A row that can't be read is reported by itself and never fails a list.

mod convert;
mod entity;
mod error;
mod keys;
mod sealing;
pub mod secret_file;
mod store;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use convert::listed::FORM as SHOWN_FORM;
pub use error::StoreError;
pub use keys::{KeyError, KeyId, KeyRing, KeySource, Malformed};
pub use store::{
    ABANDONED_AFTER, AuditFilter, AuditPage, BackendFilter, BackendPage, Content, Dropped, JobFilter,
    JobPage, KeyReport, KeyUse, LEASE, Listing, MAX_AUDIT_BATCH, MAX_HASHES, MAX_TOKENS, Measurement,
    NewBackend, NewToken, Reset, Rotated, Rotation, Shown, Store, StoreSettings, StoredUpload, TokenError,
    UnreadableBackend,
};
