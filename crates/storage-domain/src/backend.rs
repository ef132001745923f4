//! A registered backend: identity, name, kind, status and what the last test found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::capacity::Stats;
use crate::config::BackendConfig;
use crate::invalid::Rule;
use crate::probe::FindingId;
use crate::text::text;
use crate::words::words;

/// A backend's id: a UUID, written in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackendId(Uuid);

impl BackendId {
    /// Makes a new id (UUID version 7: ids that are made later sort later).
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for BackendId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl FromStr for BackendId {
    type Err = Rule;

    /// Reads the one form that ids are written in, so that a backend has one address and one directory.
    fn from_str(text: &str) -> Result<Self, Rule> {
        Uuid::try_parse(text)
            .map(Self)
            .ok()
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| Rule::new("must be a UUID in lower case with hyphens"))
    }
}

impl fmt::Display for BackendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A backend's name: 1 to [`BackendName::MAX_CHARS`] characters, not blank, no control characters. Compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendName(String);

text!(BackendName, "The name.");

impl BackendName {
    /// The longest name, in Unicode scalar values.
    pub const MAX_CHARS: usize = 100;
}

impl FromStr for BackendName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.trim().is_empty() {
            return Err(Rule::new("must not be blank"));
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(Rule::new(format!(
                "must be at most {} characters long",
                Self::MAX_CHARS
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(Rule::new(
                "must not contain control characters such as tabs and line breaks",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

words! {
    /// The kind of storage that a backend is.
    BackendKind, "must be one of nfs, http, s3, iscsi" {
        /// An NFS export (RFC 1813, RFC 7530, RFC 8881).
        Nfs = "nfs",
        /// A web server's directory (RFC 9110).
        Http = "http",
        /// An S3 bucket.
        S3 = "s3",
        /// An iSCSI target (RFC 7143).
        Iscsi = "iscsi",
    }
}

words! {
    /// What the last test of the present config said.
    BackendStatus, "must be one of offline, online, error" {
        /// Not tested since the backend was created, or since its config changed.
        Offline = "offline",
        /// The last test passed.
        Online = "online",
        /// The last test failed.
        Error = "error",
    }
}

/// Counts the configs that a backend has had. A test's result belongs to the revision that it tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(pub i64);

impl Revision {
    /// The revision of a new backend.
    pub const FIRST: Self = Self(1);

    /// The revision after a change of the config.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The last test of the present config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTest {
    /// When it ended, in UTC, to the millisecond.
    pub at: OffsetDateTime,
    /// Its message, as shown to the client.
    pub message: String,
    /// Identity of what it found; `None` if it is not known.
    pub finding: Option<FindingId>,
}

/// A registered backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its identity.
    pub id: BackendId,
    /// Its unique name.
    pub name: BackendName,
    /// Its settings; their type is the backend's kind.
    pub config: BackendConfig,
    /// Which config this is.
    pub revision: Revision,
    /// Counts every change of the row, test results included: the source of the `ETag`.
    pub version: i64,
    /// What the last test said.
    pub status: BackendStatus,
    /// What was measured last.
    pub stats: Stats,
    /// The last test of this config, where there was one.
    pub last_test: Option<LastTest>,
    /// When it was created, in UTC, to the millisecond.
    pub created_at: OffsetDateTime,
    /// When an operator changed it last, in UTC, to the millisecond.
    pub updated_at: OffsetDateTime,
}

impl Backend {
    /// The kind of storage.
    pub fn kind(&self) -> BackendKind {
        self.config.kind()
    }
}
