//! The records of the audit log.

use std::collections::BTreeSet;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Actor, How, Role};
use crate::Backend;
use crate::id::id;

/// One action of a client, done or refused. It holds no secret: of a change only the names of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id, which sorts by time.
    pub id: AuditId,
    /// When it ended, in UTC, to the millisecond.
    pub at: OffsetDateTime,
    /// A token's name, the subject of a JSON Web Token, `local`, or a user of the machine; `None` if unknown.
    pub actor: Option<String>,
    /// How the client proved its identity: the string of a [`How`].
    pub how: Option<String>,
    /// The client's role.
    pub role: Option<Role>,
    /// The client's address; `None` for a Unix socket and the command line.
    pub address: Option<String>,
    /// The action, such as `backend.update`.
    pub action: String,
    /// The request's method.
    pub method: Option<String>,
    /// The id of the backend.
    pub backend_id: Option<String>,
    /// The backend's name at that time.
    pub backend_name: Option<String>,
    /// The fields that were changed, such as `config.server`.
    pub fields: Vec<String>,
    /// The status of the answer; `None` if the client disconnected before it.
    pub status: Option<u16>,
    /// The code of the problem in the answer.
    pub error: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// Further information, such as the name of a new token.
    pub detail: Option<String>,
}

impl AuditRecord {
    /// Makes a record of an action that ends now.
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

    /// Sets the client.
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

    /// Sets the backend.
    pub fn tell_backend(&mut self, backend: &Backend) {
        self.backend_id = Some(backend.id.to_string());
        self.backend_name = Some(backend.name.to_string());
    }

    /// Sets the backend and the names of its fields that were changed.
    pub fn tell_change(&mut self, before: &Backend, after: &Backend) {
        self.tell_backend(after);
        self.fields = changed(before, after);
    }
}

/// Returns the names of the fields that differ.
fn changed(before: &Backend, after: &Backend) -> Vec<String> {
    let (old, new) = (before.config.stored(), after.config.stored());
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let fields = keys
        .into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| format!("config.{key}"));
    let own = [
        (before.name != after.name, "name"),
        (before.boot_path != after.boot_path, "boot_path"),
    ];
    let own = own.into_iter().filter(|(differs, _)| *differs);
    own.map(|(_, name)| name.to_owned()).chain(fields).collect()
}

/// A record's id: a UUID of version 7, which begins with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(Uuid);

impl AuditId {
    /// Makes a new id, which sorts after all earlier ones.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Returns the id that sorts before every record of this time or later.
    pub fn at(time: OffsetDateTime) -> Self {
        let millis = time.unix_timestamp_nanos() / 1_000_000;
        let millis = u128::try_from(millis).unwrap_or(0);
        Self(Uuid::from_u128(millis << 80))
    }
}

id!(AuditId, "must be the id of a record");
