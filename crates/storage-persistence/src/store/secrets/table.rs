//! The names of keys in the database.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::Store;
use crate::convert;
use crate::entity::secret_key::{ActiveModel, Column, Entity, Model};
use crate::entity::{Column as BackendColumn, Entity as Backends};
use crate::error::StoreError;
use crate::keys::KeyId;

/// A key that rows may be encrypted with.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: KeyId,
    pub(super) is_current: bool,
}

impl From<Model> for Known {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            is_current: row.is_current,
        }
    }
}

/// Keeps others from writing rows until the transaction ends; SQLite's is the only writer anyway.
pub(in crate::store) async fn keep_writers_away(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    lock(transaction, "SHARE ROW EXCLUSIVE").await
}

/// Waits for [`keep_writers_away`] of others, and holds it up until the transaction ends: the present key stays.
pub(in crate::store) async fn keep_current(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    lock(transaction, "ROW EXCLUSIVE").await
}

async fn lock(transaction: &DatabaseTransaction, mode: &str) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = format!("LOCK TABLE backends IN {mode} MODE");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(())
}

/// The keys that the database knows, the present one first.
pub(super) async fn known(db: &impl ConnectionTrait) -> Result<Vec<Known>, DbErr> {
    let rows = Entity::find()
        .order_by_desc(Column::IsCurrent)
        .order_by_desc(Column::CreatedAt)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(Known::from).collect())
}

/// The present key, if one was registered.
pub(in crate::store) async fn current(db: &impl ConnectionTrait) -> Result<Option<KeyId>, DbErr> {
    let row = Entity::find().filter(Column::IsCurrent.eq(true)).one(db).await?;
    Ok(row.map(|row| row.id.into()))
}

/// Makes a key the present one; the one before stays known.
pub(super) async fn make_current(db: &impl ConnectionTrait, id: &KeyId) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::IsCurrent, Expr::value(false))
        .filter(Column::IsCurrent.eq(true))
        .exec(db)
        .await?;
    let updated = Entity::update_many()
        .col_expr(Column::IsCurrent, Expr::value(true))
        .filter(Column::Id.eq(id.as_str()))
        .exec(db)
        .await?;
    if updated.rows_affected > 0 {
        return Ok(());
    }
    let row = ActiveModel {
        id: ActiveValue::Set(id.to_string()),
        is_current: ActiveValue::Set(true),
        created_at: ActiveValue::Set(convert::to_millis(convert::now())),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Forgets the keys that are not the present one and that no row uses.
pub(super) async fn forget_unused(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let used = Backends::find()
        .select_only()
        .column(BackendColumn::SecretKey)
        .filter(BackendColumn::SecretKey.is_not_null());
    let done = Entity::delete_many()
        .filter(Column::IsCurrent.eq(false))
        .filter(Expr::col(Column::Id).not_in_subquery(sea_orm::QueryTrait::into_query(used)))
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

impl Store {
    pub(super) async fn known_keys(&self) -> Result<Vec<Known>, StoreError> {
        self.run("reading the names of keys", known(&self.db)).await
    }

    /// The keys that rows use, and how many rows each.
    pub(super) async fn used_keys(&self) -> Result<Vec<(KeyId, u64)>, StoreError> {
        let counts = Backends::find()
            .select_only()
            .column(BackendColumn::SecretKey)
            .column_as(BackendColumn::Id.count(), "uses")
            .filter(BackendColumn::SecretKey.is_not_null())
            .group_by(BackendColumn::SecretKey)
            .order_by_asc(BackendColumn::SecretKey)
            .into_tuple::<(String, i64)>()
            .all(&self.db);
        let counts = self.run("counting the uses of keys", counts).await?;
        Ok(counts
            .into_iter()
            .map(|(id, uses)| (id.into(), uses.unsigned_abs()))
            .collect())
    }

    /// Makes `id` the database's key, unless it has one; returns the present key.
    pub(super) async fn register(&self, id: &KeyId) -> Result<KeyId, StoreError> {
        self.run("registering a key", async {
            let transaction = self.begin_locked().await?;
            let current = current(&transaction).await?;
            if current.is_none() {
                make_current(&transaction, id).await?;
            }
            transaction.commit().await?;
            Ok(current.unwrap_or_else(|| id.clone()))
        })
        .await
    }
}
