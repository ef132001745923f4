//! What is left to do when a key is lost.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Map, Value};
use storage_domain::access::{AuditId, AuditRecord};
use storage_domain::{BackendConfig, BackendStatus};

use super::{Store, table};
use crate::convert;
use crate::entity::{Column, Entity};
use crate::error::StoreError;
use crate::keys::{KeyId, KeyRing, KeySource};
use crate::store::{WHOLE_DEADLINE, audit, within};

/// What a reset did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// The present key from now on.
    pub key: KeyId,
    /// The backends whose secrets were dropped.
    pub dropped: Vec<Dropped>,
}

/// A backend whose secrets were dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it lost, such as `config.password`.
    pub fields: Vec<String>,
}

const WHAT: &str = "dropping secrets whose key is lost";
/// What was found under the config that had its secrets; a new config knows nothing of it.
const MEASURED: [Column; 8] = [
    Column::UsedBytes,
    Column::TotalBytes,
    Column::FileCount,
    Column::TemplateCount,
    Column::TestedAt,
    Column::TestFinding,
    Column::Incomplete,
    Column::Skipped,
];

impl Store {
    /// Drops the secrets whose keys are not at `source`, and makes the newest key there the present one; makes a key
    /// where there is none. The backends stay, as ones that were never tested. For when a key is lost, and with no
    /// service running. The record, where there is one, is completed with what was done, and is part of the same
    /// transaction, with one of each backend.
    ///
    /// # Errors
    /// [`StoreError::Keys`], and the database's own.
    pub async fn reset_keys(
        &self,
        source: &KeySource,
        record: Option<AuditRecord>,
    ) -> Result<Reset, StoreError> {
        let ring = source.load_or_make()?;
        let work = async {
            let transaction = self.begin_patient().await?;
            table::keep_writers_away(&transaction).await?;
            let dropped = drop_lost(&transaction, &ring).await?;
            let present = table::current(&transaction).await?.filter(|id| ring.has(id));
            let key = present.unwrap_or_else(|| ring.newest().clone());
            table::make_current(&transaction, &key).await?;
            table::forget_unused(&transaction).await?;
            let reset = Reset { key, dropped };
            if let Some(record) = record {
                audit::add_all_to(&transaction, &records(record, &reset)).await?;
            }
            transaction.commit().await?;
            Ok(reset)
        };
        let reset = within(WHOLE_DEADLINE, WHAT, work).await?;
        self.take_keys(source.clone()).await?;
        Ok(reset)
    }
}

/// The records of the reset, and of each backend that it changed.
fn records(mut record: AuditRecord, reset: &Reset) -> Vec<AuditRecord> {
    let Reset { key, dropped } = reset;
    record.detail = Some(format!(
        "key {key}, {} backends lost their secrets",
        dropped.len()
    ));
    let changed = dropped.iter().map(|backend| AuditRecord {
        id: AuditId::generate(),
        action: "backend.update".to_owned(),
        backend_id: Some(backend.id.clone()),
        backend_name: Some(backend.name.clone()),
        fields: backend.fields.clone(),
        detail: Some("keys reset: its secrets were dropped".to_owned()),
        ..record.clone()
    });
    let changed: Vec<_> = changed.collect();
    std::iter::once(record).chain(changed).collect()
}

/// Drops the secrets of rows whose key is not in the ring.
async fn drop_lost(transaction: &DatabaseTransaction, ring: &KeyRing) -> Result<Vec<Dropped>, DbErr> {
    let here: Vec<&str> = ring.ids().map(KeyId::as_str).collect();
    let lost: Vec<(String, String, String, i64)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Name, Column::Config, Column::UpdatedAt])
        .filter(Column::SecretKey.is_not_null())
        .filter(Column::SecretKey.is_not_in(here))
        .into_tuple()
        .all(transaction)
        .await?;
    let now = convert::to_millis(convert::now());
    let mut dropped = Vec::with_capacity(lost.len());
    for (id, name, text, updated_at) in lost {
        let (config, fields) = without_secrets(&text);
        let mut update = Entity::update_many();
        for column in MEASURED {
            update = update.col_expr(column, Expr::value(None::<i64>));
        }
        update
            .col_expr(Column::TestMessage, Expr::value(None::<String>))
            // The next start renders it.
            .col_expr(Column::Listed, Expr::value(None::<String>))
            .col_expr(Column::Config, Expr::value(config))
            .col_expr(Column::SecretKey, Expr::value(None::<String>))
            .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .col_expr(Column::Status, Expr::value(BackendStatus::Offline.as_str()))
            .col_expr(Column::UpdatedAt, Expr::value(Ord::max(now, updated_at)))
            .filter(Column::Id.eq(&id))
            .exec(transaction)
            .await?;
        dropped.push(Dropped { id, name, fields });
    }
    Ok(dropped)
}

/// The config without its secrets, and which they were.
fn without_secrets(text: &str) -> (String, Vec<String>) {
    let Ok(mut members) = serde_json::from_str::<Map<String, Value>>(text) else {
        return (text.to_owned(), Vec::new());
    };
    let mut fields = Vec::new();
    for field in BackendConfig::secret_fields() {
        if members.remove(field).is_some() {
            fields.push(format!("config.{field}"));
        }
    }
    (Value::Object(members).to_string(), fields)
}
