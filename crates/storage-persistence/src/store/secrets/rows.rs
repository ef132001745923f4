//! Rows of `backends`, a batch at a time, whose secrets are to be sealed.

use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::entity::{Column, Entity};

/// How many rows are sealed in one transaction.
pub(super) const BATCH: u64 = 256;

/// What one batch did.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The id of the last row that was looked at; `None` where there was none.
    pub(super) last: Option<String>,
    /// How many rows were sealed.
    pub(super) sealed: u64,
    /// The ids of those that could not be, and stay as they are.
    pub(super) unopened: Vec<String>,
}

/// The next batch of the rows that `which` is true of, behind the id `after`: id and config.
pub(super) async fn after(
    db: &impl ConnectionTrait,
    which: SimpleExpr,
    after: &str,
) -> Result<Vec<(String, String)>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::Id, Column::Config])
        .filter(which)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .into_tuple()
        .all(db)
        .await
}

/// Replaces a row's config, where it is still `was`; tells how many rows that were.
pub(super) async fn set_config(
    db: &impl ConnectionTrait,
    id: &str,
    was: &str,
    config: String,
    key: &str,
) -> Result<u64, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::Config, Expr::value(config))
        .col_expr(Column::SecretKey, Expr::value(key))
        .filter(Column::Id.eq(id))
        .filter(Expr::col(Column::Config).eq(was))
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}
