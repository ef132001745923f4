//! What the tests share.

use serde_json::{Value, json};
use storage_domain::access::AuditRecord;
use storage_domain::{
    Backend, BackendConfig, BackendKind, BackendName, BackendStatus, ByteCount, Incomplete, LastTest,
    Skipped, Stats,
};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::{AuditFilter, Measurement, NewBackend, Store, StoreError};
use time::OffsetDateTime;

pub(crate) fn name(text: &str) -> BackendName {
    text.parse().unwrap()
}

pub(crate) fn config(kind: BackendKind, members: &Value) -> BackendConfig {
    BackendConfig::parse(kind, members.as_object().unwrap()).unwrap()
}

pub(crate) fn nfs() -> BackendConfig {
    config(
        BackendKind::Nfs,
        &json!({"server": "nas.lab", "export_path": "/srv/images"}),
    )
}

pub(crate) fn http() -> BackendConfig {
    let members = json!({"base_url": "https://mirror.lab/iso", "auth_method": "basic", "username": "u", "password": "hunter2"});
    config(BackendKind::Http, &members)
}

pub(crate) fn new(text: &str) -> NewBackend {
    NewBackend {
        name: name(text),
        config: nfs(),
        boot_path: None,
    }
}

pub(crate) async fn create(store: &Store, text: &str) -> Backend {
    store.create(new(text), None).await.unwrap()
}

/// The audit trail, the newest record first.
pub(crate) async fn trail(store: &Store) -> Vec<AuditRecord> {
    let all = AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    };
    store.audit(&all).await.unwrap().records
}

/// A measurement with every value.
pub(crate) fn measured() -> Measurement {
    Measurement {
        status: Some(BackendStatus::Online),
        last_test: Some(LastTest {
            at: OffsetDateTime::from_unix_timestamp_nanos(1_795_000_000_123_456_789).unwrap(),
            message: "Everything works.".to_owned(),
            finding: Some(storage_domain::FindingId(i64::MIN)),
        }),
        stats: Stats {
            used: Some(ByteCount::MAX),
            total: Some(ByteCount::MAX),
            file_count: Some(i64::MAX.unsigned_abs()),
            template_count: Some(0),
            incomplete: Some(Incomplete {
                errors: 2,
                first: "private/: 401\0".to_owned(),
            }),
            skipped: Some(Skipped {
                elsewhere: 40,
                ..Skipped::default()
            }),
        },
    }
}

/// Sets a column of one row behind the store's back.
pub(crate) async fn set(database: &TestDatabase, backend: &Backend, assignment: &str) {
    let sql = format!("UPDATE backends SET {assignment} WHERE id = '{}'", backend.id);
    assert_eq!(database.execute(&sql).await, 1);
}

/// The name of the error's variant.
pub(crate) fn variant<T: std::fmt::Debug>(result: Result<T, StoreError>) -> &'static str {
    match result {
        Ok(value) => panic!("expected an error, got {value:?}"),
        Err(StoreError::NameTaken) => "NameTaken",
        Err(StoreError::NotFound) => "NotFound",
        Err(StoreError::Changed) => "Changed",
        Err(StoreError::Unreadable { .. }) => "Unreadable",
        Err(StoreError::Keys(_)) => "Keys",
        Err(StoreError::Settings(_)) => "Settings",
        Err(StoreError::Unavailable(_)) => "Unavailable",
        Err(StoreError::Database { .. }) => "Database",
    }
}

/// An error and all its sources, as a log shows them.
pub(crate) fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
