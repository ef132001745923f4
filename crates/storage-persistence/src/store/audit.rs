//! The audit trail: written, read, and its oldest records deleted.
//!
//! A change and its record are one transaction. Nothing else changes a record that is there.

use sea_orm::sea_query::{InsertStatement, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    Iterable, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use storage_domain::access::{AuditId, AuditRecord};
use time::OffsetDateTime;

use super::Store;
use crate::convert;
use crate::entity::audit_record::{Column, Entity, Model};
use crate::error::StoreError;

/// How many records one statement writes: both databases bound the values of one.
pub const MAX_AUDIT_BATCH: usize = 32;

/// Which records are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// At most so many.
    pub limit: u64,
    /// Only those older than this one.
    pub before: Option<AuditId>,
    /// Only those of this time and later.
    pub since: Option<OffsetDateTime>,
    /// Only about this backend.
    pub backend: Option<String>,
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
}

/// Some of the trail.
#[derive(Debug, Default)]
pub struct AuditPage {
    /// The records, the newest first.
    pub records: Vec<AuditRecord>,
    /// How many match in all, whatever `before` and `limit` say.
    pub total: u64,
}

impl Store {
    /// Writes records, at most [`MAX_AUDIT_BATCH`] of them; answers after the commit. A record whose id is there already
    /// stays as it is: the same may be written again where the answer to the first time was lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn add_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let write = self.statement(&insert(records));
        self.write("writing the audit trail", write).await.map(drop)
    }

    /// The records that match, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditPage, StoreError> {
        const WHAT: &str = "reading the audit trail";
        let mut query = Entity::find();
        if let Some(since) = filter.since {
            query = query.filter(Column::Id.gte(AuditId::at(since).to_string()));
        }
        for (column, wanted) in [
            (Column::BackendId, &filter.backend),
            (Column::Actor, &filter.actor),
            (Column::Action, &filter.action),
        ] {
            if let Some(wanted) = wanted {
                query = query.filter(column.eq(wanted.as_str()));
            }
        }
        let total = self.run(WHAT, query.clone().count(&self.db)).await?;
        if let Some(before) = filter.before {
            query = query.filter(Column::Id.lt(before.to_string()));
        }
        let newest = query.order_by_desc(Column::Id).limit(filter.limit);
        let rows = self.run(WHAT, newest.all(&self.db)).await?;
        Ok(AuditPage {
            records: rows.into_iter().filter_map(read).collect(),
            total,
        })
    }

    /// Deletes at most `limit` of the records before this time, the oldest first; returns how many it deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn prune_audit(&self, before: OffsetDateTime, limit: u64) -> Result<u64, StoreError> {
        const WHAT: &str = "shortening the audit trail";
        let oldest = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.lt(AuditId::at(before).to_string()))
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple::<String>();
        let ids = self.run(WHAT, oldest.all(&self.db)).await?;
        let Some(last) = ids.last() else {
            return Ok(0);
        };
        let delete = Entity::delete_many().filter(Column::Id.lte(last.as_str()));
        let write = self.statement(&delete.into_query());
        Ok(self.write(WHAT, write).await?.rows)
    }
}

/// Returns the statement that stores the record of a change. One with its id may be there: of a request whose client did
/// not wait for the end.
pub(super) fn upsert(record: &AuditRecord) -> InsertStatement {
    let columns = Column::iter().filter(|column| !matches!(column, Column::Id));
    let known = OnConflict::column(Column::Id).update_columns(columns).to_owned();
    Entity::insert(write(record).into_active_model().reset_all())
        .on_conflict(known)
        .into_query()
}

/// Returns the statement that stores records, at most [`MAX_AUDIT_BATCH`] of them, that are not there yet.
fn insert(records: &[AuditRecord]) -> InsertStatement {
    let rows = records.iter().map(|r| write(r).into_active_model().reset_all());
    let known = OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert_many(rows).on_conflict(known).into_query()
}

/// Stores any number of records in the transaction of what they are about.
pub(super) async fn add_all_to(
    transaction: &DatabaseTransaction,
    records: &[AuditRecord],
) -> Result<(), DbErr> {
    for batch in records.chunks(MAX_AUDIT_BATCH) {
        transaction.execute(&insert(batch)).await?;
    }
    Ok(())
}

/// Text as PostgreSQL takes it.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn write(record: &AuditRecord) -> Model {
    let optional = |value: &Option<String>| value.as_deref().map(text);
    Model {
        id: record.id.to_string(),
        at: convert::to_millis(record.at),
        actor: optional(&record.actor),
        how: optional(&record.how),
        role: record.role.map(|role| role.to_string()),
        address: optional(&record.address),
        action: text(&record.action),
        method: optional(&record.method),
        backend_id: optional(&record.backend_id),
        backend_name: optional(&record.backend_name),
        fields: text(&record.fields.join(",")),
        status: record.status.map(i64::from),
        error: optional(&record.error),
        request_id: optional(&record.request_id),
        detail: optional(&record.detail),
    }
}

/// A row; `None` where its id or its time can't be read.
fn read(row: Model) -> Option<AuditRecord> {
    Some(AuditRecord {
        id: row.id.parse().ok()?,
        at: convert::from_millis(row.at)?,
        actor: row.actor,
        how: row.how,
        role: row.role.and_then(|word| word.parse().ok()),
        address: row.address,
        action: row.action,
        method: row.method,
        backend_id: row.backend_id,
        backend_name: row.backend_name,
        fields: row
            .fields
            .split(',')
            .filter(|f| !f.is_empty())
            .map(str::to_owned)
            .collect(),
        status: row.status.and_then(|status| status.try_into().ok()),
        error: row.error,
        request_id: row.request_id,
        detail: row.detail,
    })
}
