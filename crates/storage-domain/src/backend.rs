//! A registered backend: its identity, name, config, status and last test.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::files::FilePath;
use crate::id::id;
use crate::invalid::Rule;
use crate::kinds::{BackendConfig, BackendKind};
use crate::probe::FindingId;
use crate::stats::Stats;
use crate::string_enum::string_enum;
use crate::text::text;

/// A backend's id: a UUID in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackendId(Uuid);

impl BackendId {
    /// Makes a new id (UUID version 7: ids that are made later sort later).
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Returns the UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for BackendId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

id!(BackendId, "must be a UUID in lower case with hyphens");

/// A backend's name: 1 to [`BackendName::MAX_CHARS`] characters, some of them visible, without control and
/// bidirectional-override characters; compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendName(String);

text!(BackendName, "Returns the name.");

impl BackendName {
    /// The longest name, in Unicode scalar values.
    pub const MAX_CHARS: usize = 100;

    /// Reads a name from the database, where it may be older than the rules on characters that nobody sees.
    ///
    /// # Errors
    /// It is blank, too long, or has control characters.
    pub fn from_stored(text: &str) -> Result<Self, Rule> {
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

/// Returns whether a character changes the direction of those after it, so that a name reads as another one.
const fn overrides_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether nobody sees a character: spaces, joiners, marks of direction, fillers, variation selectors and tags.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
                | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

impl FromStr for BackendName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.chars().all(is_invisible) {
            return Err(Rule::new("must not be blank"));
        }
        if text.chars().any(overrides_direction) {
            return Err(Rule::new(
                "must not contain characters that override the direction of text, such as U+202E",
            ));
        }
        Self::from_stored(text)
    }
}

string_enum! {
    /// The result of the last test of the current config.
    BackendStatus {
        /// Not tested since the backend was created, or since its config changed.
        Offline = "offline",
        /// The last test passed.
        Online = "online",
        /// The last test failed.
        Error = "error",
    }
}

/// The number of a backend's config. A test's result belongs to the revision that it tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(pub i64);

impl Revision {
    /// The revision of a new backend.
    pub const FIRST: Self = Self(1);

    /// Returns the revision after a change of the config.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The last test of the current config.
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
    /// Its config, whose type is the backend's kind.
    pub config: BackendConfig,
    /// The directory whose files machines that boot may read; `None`: none.
    pub boot_path: Option<FilePath>,
    /// The revision of the config.
    pub revision: Revision,
    /// The number of changes of the row, test results included: the source of the `ETag`.
    pub version: i64,
    /// The result of the last test.
    pub status: BackendStatus,
    /// The last measured sizes and counts.
    pub stats: Stats,
    /// The last test of this config, if there was one.
    pub last_test: Option<LastTest>,
    /// When it was created, in UTC, to the millisecond.
    pub created_at: OffsetDateTime,
    /// When an operator changed it last, in UTC, to the millisecond.
    pub updated_at: OffsetDateTime,
}

impl Backend {
    /// Returns the kind of storage.
    pub fn kind(&self) -> BackendKind {
        self.config.kind()
    }
}
