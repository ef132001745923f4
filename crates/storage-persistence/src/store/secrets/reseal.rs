//! Rows whose secrets are sealed with an older key, sealed with the present one.

use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr};
use serde_json::{Map, Value};
use storage_domain::BackendConfig;

use super::rows::{self, BATCH, Batch};
use super::{Held, Store};
use crate::entity::Column;
use crate::error::StoreError;
use crate::keys::{KeyRing, SecretKey};
use crate::sealing::{self, Sealed};

/// How often all rows are gone through before writers are kept away.
const PASSES: u32 = 3;
pub(super) const WHAT: &str = "sealing secrets with a new key";

impl Store {
    /// Seals all rows anew that have an older key, while others write; tells how many.
    pub(super) async fn passes(&self, held: &Held) -> Result<u64, StoreError> {
        let mut rows = 0;
        for _ in 0..PASSES {
            let sealed = self.pass(held).await?;
            rows += sealed;
            if sealed < BATCH {
                break;
            }
        }
        Ok(rows)
    }

    /// Goes through them once, a batch at a time.
    async fn pass(&self, held: &Held) -> Result<u64, StoreError> {
        let (mut after, mut sealed) = (String::new(), 0);
        loop {
            let batch = self
                .run(WHAT, async {
                    let transaction = self.begin_locked().await?;
                    let batch = batch(&transaction, held, &after).await?;
                    transaction.commit().await?;
                    Ok(batch)
                })
                .await?;
            sealed += batch.sealed;
            match batch.last {
                Some(last) => after = last,
                None => return Ok(sealed),
            }
        }
    }
}

/// Seals a batch of rows anew; one that can't be opened stays as it is.
pub(super) async fn batch(
    transaction: &DatabaseTransaction,
    held: &Held,
    after: &str,
) -> Result<Batch, DbErr> {
    let mut batch = Batch::default();
    let older = Column::SecretKey.ne(held.current.as_str());
    for (id, text) in rows::after(transaction, older, after).await? {
        if let Some(config) = held.key().and_then(|key| resealed(key, &held.ring, &id, &text)) {
            let key = held.current.as_str();
            batch.sealed += rows::set_config(transaction, &id, &text, config, key).await?;
        } else {
            batch.unopened.push(id.clone());
        }
        batch.last = Some(id);
    }
    Ok(batch)
}

fn resealed(key: &SecretKey, ring: &KeyRing, id: &str, text: &str) -> Option<String> {
    let mut members: Map<String, Value> = serde_json::from_str(text).ok()?;
    for field in BackendConfig::secret_fields() {
        let Some(value) = members.get(field) else { continue };
        let secret = Sealed::parse(value)?.open(ring, id, field).ok()?;
        members.insert(field.to_owned(), sealing::seal(key, id, field, &secret).ok()?);
    }
    Some(Value::Object(members).to_string())
}
