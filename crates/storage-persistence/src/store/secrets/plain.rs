//! Secrets that an earlier release left as they were.

use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr};
use serde_json::{Map, Value};
use storage_domain::{BackendConfig, BackendKind};
use zeroize::Zeroize;

use super::rows::{self, Batch};
use super::{Held, Store, scrub};
use crate::entity::Column;
use crate::error::StoreError;
use crate::keys::KeyError;
use crate::sealing;

impl Store {
    /// Seals the secrets of every row that has plain ones, a batch at a time.
    pub(super) async fn seal_plain(&self) -> Result<(), StoreError> {
        let held = self.keys()?;
        let (mut after, mut sealed) = (String::new(), 0);
        loop {
            let batch = self.seal_batch(&held, &after).await?;
            sealed += batch.sealed;
            match batch.last {
                Some(last) => after = last,
                None => break,
            }
        }
        if sealed > 0 {
            tracing::info!(
                backends = sealed,
                "sealed the secrets that an earlier release had left as they were"
            );
        }
        Ok(())
    }

    async fn seal_batch(&self, held: &Held, after: &str) -> Result<Batch, StoreError> {
        const WHAT: &str = "sealing secrets";
        // A look first: where nothing is to be sealed, as at nearly every start, nobody waits for a lock.
        let rows = self.run(WHAT, unsealed(&self.db, after)).await?;
        if !rows.iter().any(has_plain) {
            let last = rows.into_iter().last().map(|(id, _)| id);
            return Ok(Batch {
                last,
                ..Batch::default()
            });
        }
        let transaction = self.run(WHAT, self.begin_locked()).await?;
        let mut batch = Batch::default();
        for (id, text) in self.run(WHAT, unsealed(&transaction, after)).await? {
            if let Some(config) = seal_members(held, &id, &text)? {
                let update = rows::set_config(&transaction, &id, &text, config, held.current.as_str());
                batch.sealed += self.run(WHAT, update).await?;
            }
            batch.last = Some(id);
        }
        if batch.sealed > 0 {
            self.run(WHAT, scrub::mark_traces(&transaction)).await?;
        }
        self.run(WHAT, transaction.commit()).await?;
        Ok(batch)
    }

    /// How many rows have secrets that are not sealed yet.
    ///
    /// # Errors
    /// The database's.
    pub async fn plain_secrets(&self) -> Result<u64, StoreError> {
        let (mut after, mut plain) = (String::new(), 0);
        loop {
            let rows = self
                .run("looking for plain secrets", unsealed(&self.db, &after))
                .await?;
            plain += rows.iter().filter(|row| has_plain(row)).count() as u64;
            match rows.into_iter().last() {
                Some((last, _)) => after = last,
                None => return Ok(plain),
            }
        }
    }
}

/// The next rows that may have plain secrets: id and config.
async fn unsealed(db: &impl ConnectionTrait, after: &str) -> Result<Vec<(String, String)>, DbErr> {
    let kinds = BackendKind::ALL.iter();
    let with_secrets = kinds.filter(|kind| kind.secret_fields().next().is_some());
    let which = Column::SecretKey
        .is_null()
        .and(Column::Kind.is_in(with_secrets.map(|kind| kind.as_str())));
    rows::after(db, which, after).await
}

fn has_plain((_, text): &(String, String)) -> bool {
    members(text).is_some_and(|members| !plain_fields(&members).is_empty())
}

fn members(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// The fields that hold a secret as it is.
fn plain_fields(members: &Map<String, Value>) -> Vec<&'static str> {
    let is_plain = |field: &&'static str| members.get(*field).and_then(Value::as_str).is_some();
    BackendConfig::secret_fields().filter(is_plain).collect()
}

/// The config with its secrets sealed; `None` where it has none, or is none.
fn seal_members(held: &Held, id: &str, text: &str) -> Result<Option<String>, KeyError> {
    let Some(mut members) = members(text) else {
        tracing::warn!(
            backend.id = id,
            "a stored backend can't be read: if it has secrets, they stay as they are; delete it"
        );
        return Ok(None);
    };
    let key = held.key().ok_or(KeyError::Locked)?;
    let fields = plain_fields(&members);
    for field in &fields {
        if let Some(Value::String(secret)) = members.get_mut(*field) {
            let sealed = sealing::seal(key, id, field, secret)?;
            secret.zeroize();
            members.insert((*field).to_owned(), sealed);
        }
    }
    Ok((!fields.is_empty()).then(|| Value::Object(members).to_string()))
}
