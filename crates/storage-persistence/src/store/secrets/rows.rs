//! The rows whose secrets are encrypted with an older key.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Map, Value};
use storage_domain::BackendConfig;

use crate::entity::{Column, Entity};
use crate::keys::KeyRing;
use crate::sealing::{self, Sealed};

/// How many rows are in memory at once.
const BATCH: u64 = 256;

/// What became of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) encrypted: u64,
    /// Those whose secrets can't be decrypted, and which stay as they are.
    pub(super) unopened: u64,
}

/// Encrypts every secret with the newest key of the ring. Nobody else may write meanwhile.
pub(super) async fn re_encrypt(db: &impl ConnectionTrait, ring: &KeyRing) -> Result<Rows, DbErr> {
    let (mut rows, mut after) = (Rows::default(), String::new());
    loop {
        let batch = older(db, ring, &after).await?;
        let Some((last, _)) = batch.last() else {
            return Ok(rows);
        };
        after.clone_from(last);
        for (id, text) in batch {
            if let Some(config) = re_encrypted(ring, &id, &text) {
                set_config(db, ring, &id, config).await?;
                rows.encrypted += 1;
            } else {
                tracing::warn!(
                    backend.id = id,
                    "the secrets of a backend can't be decrypted, and stay as they are"
                );
                rows.unopened += 1;
            }
        }
    }
}

/// The next rows with an older key, behind the id `after`: id and config.
async fn older(
    db: &impl ConnectionTrait,
    ring: &KeyRing,
    after: &str,
) -> Result<Vec<(String, String)>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::Id, Column::Config])
        .filter(Column::SecretKey.ne(ring.newest().as_str()))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .into_tuple()
        .all(db)
        .await
}

/// The config, its secrets encrypted with the newest key; `None` if one can't be decrypted.
fn re_encrypted(ring: &KeyRing, id: &str, text: &str) -> Option<String> {
    let key = ring.get(ring.newest().as_str())?;
    let mut members: Map<String, Value> = serde_json::from_str(text).ok()?;
    for field in BackendConfig::secret_fields() {
        let Some(value) = members.get(field) else { continue };
        let secret = Sealed::parse(value)?.open(ring, id, field).ok()?;
        members.insert(field.to_owned(), sealing::seal(key, id, field, &secret).ok()?);
    }
    Some(Value::Object(members).to_string())
}

async fn set_config(
    db: &impl ConnectionTrait,
    ring: &KeyRing,
    id: &str,
    config: String,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Config, Expr::value(config))
        .col_expr(Column::SecretKey, Expr::value(ring.newest().as_str()))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}
