//! What the audit trail tells.

use std::collections::BTreeSet;
use std::str::FromStr;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Actor, How, Role};
use crate::Backend;
use crate::invalid::Rule;

/// One thing that somebody did, or tried to. It holds no secret: of a change only the names of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Sorts by time.
    pub id: AuditId,
    /// When it ended, in UTC, to the millisecond.
    pub at: OffsetDateTime,
    /// A token's name, the subject of a JSON Web Token, `local`, or a user of the machine; `None` where nobody knows.
    pub actor: Option<String>,
    /// How they showed who they are: the word of a [`How`].
    pub how: Option<String>,
    /// What they may do.
    pub role: Option<Role>,
    /// Where they came from; `None` is a Unix socket or the command line.
    pub address: Option<String>,
    /// What they did, such as `backend.update`.
    pub action: String,
    /// By which method of HTTP.
    pub method: Option<String>,
    /// To which backend.
    pub backend_id: Option<String>,
    /// Its name at that time.
    pub backend_name: Option<String>,
    /// Which fields a change changed, such as `config.server`.
    pub fields: Vec<String>,
    /// The status of the answer; `None` where the client hung up before there was one.
    pub status: Option<u16>,
    /// The code of the problem that was answered.
    pub error: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// What else there is to tell, such as the name of a token that was made.
    pub detail: Option<String>,
}

impl AuditRecord {
    /// A record of this moment.
    pub fn new(action: impl Into<String>) -> Self {
        Self {
            id: AuditId::generate(),
            at: OffsetDateTime::now_utc(),
            actor: None,
            how: None,
            role: None,
            address: None,
            action: action.into(),
            method: None,
            backend_id: None,
            backend_name: None,
            fields: Vec::new(),
            status: None,
            error: None,
            request_id: None,
            detail: None,
        }
    }

    /// The same, done by this one.
    #[must_use]
    pub fn by(mut self, actor: &Actor) -> Self {
        self.actor = Some(actor.name.clone());
        self.how = Some(actor.how.as_str().to_owned());
        self.role = match actor.how {
            How::Cli => None,
            _ => Some(actor.role),
        };
        self
    }

    /// Tells which backend it is about.
    pub fn tell_backend(&mut self, backend: &Backend) {
        self.backend_id = Some(backend.id.to_string());
        self.backend_name = Some(backend.name.to_string());
    }

    /// Tells which backend was changed, and which of its fields, by their names only.
    pub fn tell_change(&mut self, before: &Backend, after: &Backend) {
        self.tell_backend(after);
        self.fields = changed(before, after);
    }
}

/// The names of the fields that differ.
fn changed(before: &Backend, after: &Backend) -> Vec<String> {
    let (old, new) = (before.config.stored(), after.config.stored());
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let fields = keys
        .into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| format!("config.{key}"));
    let name = (before.name != after.name).then(|| "name".to_owned());
    name.into_iter().chain(fields).collect()
}

/// The id of a record: a UUID of version 7, which begins with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(Uuid);

impl AuditId {
    /// A new one, behind all that were made before.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id before that of every record of this time or a later one.
    pub fn at(time: OffsetDateTime) -> Self {
        let millis = time.unix_timestamp_nanos() / 1_000_000;
        let millis = u128::try_from(millis).unwrap_or(0);
        Self(Uuid::from_u128(millis << 80))
    }
}

impl FromStr for AuditId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Uuid::try_parse(text)
            .map(Self)
            .ok()
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| Rule::new("must be the id of a record"))
    }
}

impl std::fmt::Display for AuditId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
