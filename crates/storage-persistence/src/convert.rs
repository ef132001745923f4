//! Row ⇄ domain. Every column is checked by hand, so that one bad row is an error of its own.

mod config;
pub(crate) mod listed;

use sea_orm::{FromQueryResult, QueryResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_domain::{
    Backend, BackendId, BackendKind, BackendName, ByteCount, FindingId, LastTest, Revision, Stats,
};
use time::OffsetDateTime;

use self::config::config;
pub(crate) use self::config::{SealedConfig, Secrets, seal};
use crate::entity::Model;
use crate::store::UnreadableBackend;

/// A row's values, before they are checked.
pub(crate) struct Columns<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) config: &'a str,
    pub(crate) revision: i64,
    pub(crate) version: i64,
    pub(crate) status: &'a str,
    pub(crate) used_bytes: Option<i64>,
    pub(crate) total_bytes: Option<i64>,
    pub(crate) file_count: Option<i64>,
    pub(crate) template_count: Option<i64>,
    pub(crate) incomplete: Option<&'a str>,
    pub(crate) skipped: Option<&'a str>,
    pub(crate) tested_at: Option<i64>,
    pub(crate) test_message: Option<&'a str>,
    pub(crate) test_finding: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) boot_path: Option<&'a str>,
}

/// A row that was read, or why it can't be.
pub(crate) type Read = Result<Backend, UnreadableBackend>;

/// Reads a row of any database.
pub(crate) fn read(row: &QueryResult, secrets: Secrets<'_>) -> Read {
    let id = row.try_get::<String>("", "id").ok();
    match Model::from_query_result(row, "") {
        Ok(model) => check(&model.columns(), secrets),
        Err(_) => Err(of_another_type(id.as_deref())),
    }
}

/// The row with this id has a column of another type. The driver's error is not shown, because it may contain the value, which
/// may be the config.
pub(crate) fn of_another_type(id: Option<&str>) -> UnreadableBackend {
    let id = id.and_then(canonical_id);
    let reason = match id {
        Some(_) => "a column has a value of another type than its own",
        None => BAD_ID,
    };
    UnreadableBackend {
        id,
        reason: reason.to_owned(),
        lacks_key: false,
    }
}

const BAD_ID: &str = "its id is no UUID in lower case with hyphens";

/// An id as it is stored: one text for one id.
fn canonical_id(text: &str) -> Option<BackendId> {
    text.parse().ok()
}

/// Checks a row's values.
pub(crate) fn check(row: &Columns<'_>, secrets: Secrets<'_>) -> Read {
    let id = canonical_id(row.id);
    let Some(known) = id else {
        return Err(of_another_type(None));
    };
    checked(known, row, secrets).map_err(|why| UnreadableBackend {
        id,
        lacks_key: matches!(why, Unreadable::NoKey(_)),
        reason: why.message(),
    })
}

/// Why a row can't be read.
enum Unreadable {
    /// It breaks a rule.
    Broken(String),
    /// The key of its secrets is not here, maybe not yet.
    NoKey(String),
}

impl Unreadable {
    fn message(self) -> String {
        match self {
            Self::Broken(reason) | Self::NoKey(reason) => reason,
        }
    }
}

impl From<String> for Unreadable {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

fn checked(id: BackendId, row: &Columns<'_>, secrets: Secrets<'_>) -> Result<Backend, Unreadable> {
    let kind: BackendKind = row.kind.parse().map_err(|rule| broken("kind", &rule))?;
    let stats = Stats {
        used: bytes("used_bytes", row.used_bytes)?,
        total: bytes("total_bytes", row.total_bytes)?,
        file_count: count("file_count", row.file_count)?,
        template_count: count("template_count", row.template_count)?,
        incomplete: gaps("incomplete", row.incomplete)?,
        skipped: gaps("skipped", row.skipped)?,
    };
    let last_test = match (row.tested_at, row.test_message) {
        (Some(at), Some(message)) => Some(LastTest {
            at: time("tested_at", at)?,
            message: message.to_owned(),
            finding: row.test_finding.map(FindingId),
        }),
        _ => None,
    };
    Ok(Backend {
        id,
        name: BackendName::from_stored(row.name).map_err(|rule| broken("name", &rule))?,
        config: config(kind, row, secrets)?,
        boot_path: row
            .boot_path
            .map(|path| path.parse().map_err(|rule| broken("boot_path", &rule)))
            .transpose()?,
        revision: Revision(row.revision),
        version: row.version,
        status: row.status.parse().map_err(|rule| broken("status", &rule))?,
        stats,
        last_test,
        created_at: time("created_at", row.created_at)?,
        updated_at: time("updated_at", row.updated_at)?,
    })
}

impl Model {
    fn columns(&self) -> Columns<'_> {
        Columns {
            id: &self.id,
            name: &self.name,
            kind: &self.kind,
            config: &self.config,
            revision: self.revision,
            version: self.version,
            status: &self.status,
            used_bytes: self.used_bytes,
            total_bytes: self.total_bytes,
            file_count: self.file_count,
            template_count: self.template_count,
            incomplete: self.incomplete.as_deref(),
            skipped: self.skipped.as_deref(),
            tested_at: self.tested_at,
            test_message: self.test_message.as_deref(),
            test_finding: self.test_finding,
            created_at: self.created_at,
            updated_at: self.updated_at,
            boot_path: self.boot_path.as_deref(),
        }
    }
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

/// Reads what a count did not see. Most counts see everything, so that there is nothing to read.
fn gaps<T: DeserializeOwned>(column: &str, json: Option<&str>) -> Result<Option<T>, String> {
    json.map(|json| serde_json::from_str(json).map_err(|_| format!("its {column} is not what it should be")))
        .transpose()
}

fn time(column: &str, millis: i64) -> Result<OffsetDateTime, String> {
    from_millis(millis).ok_or_else(|| format!("its {column} is no time"))
}

/// The row of a backend.
pub(crate) fn write(backend: &Backend, config: SealedConfig) -> Model {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (tested_at, test_message) = match &backend.last_test {
        Some(test) => (Some(to_millis(test.at)), Some(to_stored_text(&test.message))),
        None => (None, None),
    };
    Model {
        id: backend.id.to_string(),
        name: backend.name.to_string(),
        name_folded: fold(backend.name.as_str()),
        kind: backend.kind().as_str().to_owned(),
        config: config.text,
        revision: backend.revision.0,
        version: backend.version,
        status: backend.status.as_str().to_owned(),
        used_bytes: backend.stats.used.map(ByteCount::to_i64),
        total_bytes: backend.stats.total.map(ByteCount::to_i64),
        file_count: backend.stats.file_count.map(count),
        template_count: backend.stats.template_count.map(count),
        incomplete: backend.stats.incomplete.as_ref().and_then(json),
        skipped: backend.stats.skipped.as_ref().and_then(json),
        tested_at,
        test_message,
        test_finding: backend.last_test.as_ref().and_then(|test| Some(test.finding?.0)),
        created_at: to_millis(backend.created_at),
        updated_at: to_millis(backend.updated_at),
        secret_key: config.key,
        listed: listed::render(backend),
        boot_path: backend.boot_path.as_ref().map(ToString::to_string),
    }
}

fn json(gaps: &impl Serialize) -> Option<String> {
    serde_json::to_string(gaps).ok()
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

/// A text as the database holds it: PostgreSQL takes no NUL.
pub(crate) fn to_stored_text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

pub(crate) fn to_millis(at: OffsetDateTime) -> i64 {
    let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
    i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX })
}

pub(crate) fn from_millis(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}
