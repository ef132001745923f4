//! A config and its column: secrets are sealed on their way into the row, and opened or left out on their way back.

use serde_json::{Map, Value};
use storage_domain::{Backend, BackendConfig, BackendKind, Invalid};
use zeroize::Zeroize;

use super::{Columns, Unreadable};
use crate::keys::{KeyError, KeyRing, SecretKey};
use crate::sealing::{self, Sealed, Unopened};

/// What a read does with secrets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Secrets<'a> {
    /// Leaves them out: what is only shown needs none, and opening a thousand takes its time.
    LeftOut,
    /// Opens them with these keys; without any, no row that has secrets can be read.
    Opened(Option<&'a KeyRing>),
}

/// The config; no message of the JSON reader is passed on, for it may show what it read.
pub(super) fn config(
    kind: BackendKind,
    row: &Columns<'_>,
    secrets: Secrets<'_>,
) -> Result<BackendConfig, Unreadable> {
    let mut members: Map<String, Value> =
        serde_json::from_str(row.config).map_err(|_| "its config is no JSON object".to_owned())?;
    for field in kind.secret_fields() {
        let Some(sealed) = members.get(field).and_then(Sealed::parse) else {
            continue;
        };
        match secrets {
            Secrets::LeftOut => drop(members.remove(field)),
            Secrets::Opened(ring) => {
                let opened = open(&sealed, ring, row.id, field)?;
                members.insert(field.to_owned(), opened);
            }
        }
    }
    let parsed = BackendConfig::parse(kind, &members).map_err(|invalid| {
        let wrong: Vec<_> = invalid.problems().iter().map(Invalid::pointer).collect();
        format!("its config is no valid {kind} config: see {}", wrong.join(", "))
    });
    wipe(&mut members);
    Ok(parsed?)
}

fn open(sealed: &Sealed<'_>, ring: Option<&KeyRing>, id: &str, field: &str) -> Result<Value, Unreadable> {
    let opened = match ring {
        Some(ring) => sealed.open(ring, id, field),
        None => Err(Unopened::NoKey),
    };
    match opened {
        Ok(mut secret) => Ok(Value::String(std::mem::take(&mut *secret))),
        Err(Unopened::NoKey) => Err(Unreadable::NoKey(format!(
            "its {field} is sealed with key {}, which this service does not have",
            sealed.shown_key()
        ))),
        Err(Unopened::Forged) => Err(Unreadable::Broken(format!(
            "its {field} was changed outside of this service, or sealed for another backend"
        ))),
        Err(Unopened::Malformed) => Err(Unreadable::Broken(format!("its {field} is no sealed secret"))),
    }
}

/// Wipes what was opened, where it stood on its way into the config.
fn wipe(members: &mut Map<String, Value>) {
    for field in BackendConfig::secret_fields() {
        if let Some(Value::String(secret)) = members.get_mut(field) {
            secret.zeroize();
        }
    }
}

/// A config as it is stored.
#[derive(Debug, Default)]
pub(crate) struct SealedConfig {
    pub(super) text: String,
    pub(super) key: Option<String>,
}

/// The backend's config, its secrets sealed with `key`.
///
/// # Errors
/// It has secrets, and there is no key.
pub(crate) fn seal(backend: &Backend, key: Option<&SecretKey>) -> Result<SealedConfig, KeyError> {
    let mut members = backend.config.shown();
    let mut used = None;
    for (field, secret) in backend.config.secrets() {
        let key = key.ok_or(KeyError::Locked)?;
        let sealed = sealing::seal(key, &backend.id.to_string(), field, secret.expose())?;
        members.insert(field.to_owned(), sealed);
        used = Some(key.id.to_string());
    }
    Ok(SealedConfig {
        text: Value::Object(members).to_string(),
        key: used,
    })
}
