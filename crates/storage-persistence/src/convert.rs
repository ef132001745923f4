//! Row ⇄ domain. Every column is checked by hand, so that one bad row is an error of its own.

use sea_orm::{FromQueryResult, QueryResult};
use serde_json::{Map, Value};
use storage_domain::{Backend, BackendConfig, BackendId, BackendKind, ByteCount, LastTest, Revision, Stats};
use time::OffsetDateTime;

use crate::entity::Model;
use crate::store::UnreadableBackend;

/// Reads a row.
pub(crate) fn read(row: &QueryResult) -> Result<Backend, UnreadableBackend> {
    let id = row
        .try_get::<String>("", "id")
        .ok()
        .and_then(|text| canonical_id(&text));
    let unreadable = |reason: String| UnreadableBackend { id, reason };
    let Some(known) = id else {
        return Err(unreadable(
            "its id is no UUID in lower case with hyphens".to_owned(),
        ));
    };
    // The driver's error may show the value, which may be the config.
    let model = Model::from_query_result(row, "")
        .map_err(|_| unreadable("a column has a value of another type than its own".to_owned()))?;
    from_model(known, model).map_err(unreadable)
}

/// An id as it is stored: one text for one id.
fn canonical_id(text: &str) -> Option<BackendId> {
    text.parse().ok()
}

fn from_model(id: BackendId, model: Model) -> Result<Backend, String> {
    let kind: BackendKind = model.kind.parse().map_err(|rule| broken("kind", &rule))?;
    let name = model.name.parse().map_err(|rule| broken("name", &rule))?;
    let config = config(kind, &model.config)?;
    let stats = Stats {
        used: bytes("used_bytes", model.used_bytes)?,
        total: bytes("total_bytes", model.total_bytes)?,
        file_count: count("file_count", model.file_count)?,
        template_count: count("template_count", model.template_count)?,
    };
    let last_test = match (model.tested_at, model.test_message) {
        (Some(at), Some(message)) => Some(LastTest {
            at: time("tested_at", at)?,
            message,
        }),
        _ => None,
    };
    Ok(Backend {
        id,
        name,
        config,
        revision: Revision(model.revision),
        version: model.version,
        status: model.status.parse().map_err(|rule| broken("status", &rule))?,
        stats,
        last_test,
        created_at: time("created_at", model.created_at)?,
        updated_at: time("updated_at", model.updated_at)?,
    })
}

/// The config; no message of the JSON reader is passed on, for it may show what it read.
fn config(kind: BackendKind, text: &str) -> Result<BackendConfig, String> {
    let members: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| "its config is no JSON object".to_owned())?;
    BackendConfig::parse(kind, &members).map_err(|invalid| {
        let wrong: Vec<_> = invalid.problems().iter().map(|p| p.pointer.as_str()).collect();
        format!("its config is no valid {kind} config: see {}", wrong.join(", "))
    })
}

fn broken(column: &str, rule: &dyn std::fmt::Display) -> String {
    format!("its {column} {rule}")
}

fn bytes(column: &str, value: Option<i64>) -> Result<Option<ByteCount>, String> {
    Ok(count(column, value)?.map(ByteCount::saturating))
}

fn count(column: &str, value: Option<i64>) -> Result<Option<u64>, String> {
    value
        .map(|v| u64::try_from(v).map_err(|_| format!("its {column} is negative")))
        .transpose()
}

fn time(column: &str, millis: i64) -> Result<OffsetDateTime, String> {
    from_millis(millis).ok_or_else(|| format!("its {column} is no time"))
}

/// The row of a backend.
pub(crate) fn write(backend: &Backend) -> Model {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (tested_at, test_message) = match &backend.last_test {
        Some(test) => (
            Some(to_millis(test.at)),
            Some(test.message.replace('\0', "\u{fffd}")),
        ),
        None => (None, None),
    };
    Model {
        id: backend.id.to_string(),
        name: backend.name.to_string(),
        name_folded: fold(backend.name.as_str()),
        kind: backend.kind().as_str().to_owned(),
        config: Value::Object(backend.config.stored()).to_string(),
        revision: backend.revision.0,
        version: backend.version,
        status: backend.status.as_str().to_owned(),
        used_bytes: backend.stats.used.map(ByteCount::to_i64),
        total_bytes: backend.stats.total.map(ByteCount::to_i64),
        file_count: backend.stats.file_count.map(count),
        template_count: backend.stats.template_count.map(count),
        tested_at,
        test_message,
        created_at: to_millis(backend.created_at),
        updated_at: to_millis(backend.updated_at),
    }
}

/// Folds case one character at a time, so that a part of a text folds to a part of the folded text. By way of the
/// upper case, which is the same for `ς` and `σ`.
pub(crate) fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The present time in UTC, to the millisecond.
pub(crate) fn now() -> OffsetDateTime {
    to_stored_precision(OffsetDateTime::now_utc())
}

/// A time as the database holds it: in UTC, to the millisecond.
pub(crate) fn to_stored_precision(at: OffsetDateTime) -> OffsetDateTime {
    from_millis(to_millis(at)).unwrap_or(at)
}

fn to_millis(at: OffsetDateTime) -> i64 {
    let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
    i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX })
}

fn from_millis(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}
