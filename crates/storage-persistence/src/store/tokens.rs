//! Access tokens: create, list, revoke, note their use.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};
use storage_domain::access::{AccessToken, AuditRecord, Role, TokenHash, TokenId, TokenName};
use time::OffsetDateTime;

use super::Store;
use super::write::Write;
use crate::convert;
use crate::entity::access_token::{Column, Entity, Model};
use crate::error::{StoreError, is_unique_violation};

/// How many tokens there may be that are not revoked: a service holds all of them in memory.
pub const MAX_TOKENS: u64 = 1000;

/// One row of any token, in SQLite's words.
const ANY: &str = "SELECT 1 FROM access_tokens LIMIT 1";

/// A token that is to be created.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What finds it.
    pub id: TokenId,
    /// Its name.
    pub name: TokenName,
    /// What its holder may do.
    pub role: Role,
    /// Of its secret.
    pub hash: TokenHash,
    /// From when on it is of no use; `None` is never.
    pub expires_at: Option<OffsetDateTime>,
}

/// Why a token could not be created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Another token that is not revoked has this name.
    #[error("another token has this name; revoke it first, or choose another name")]
    NameTaken,
    /// There are as many as there may be.
    #[error("there are {MAX_TOKENS} tokens already; revoke those that nobody needs")]
    TooMany,
    /// No token that is not revoked has this name or id.
    #[error("no token that is not revoked yet has this name or id")]
    NotFound,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Creates a token; answers after the commit. The record, where there is one, is completed with what is created, and
    /// is part of the same transaction.
    ///
    /// # Errors
    /// [`TokenError::NameTaken`] and [`TokenError::TooMany`].
    pub async fn create_token(
        &self,
        new: NewToken,
        mut record: Option<AuditRecord>,
    ) -> Result<AccessToken, TokenError> {
        const WHAT: &str = "creating a token";
        let there = Entity::find().filter(Column::RevokedAt.is_null()).count(&self.db);
        if self.run(WHAT, there).await? >= MAX_TOKENS {
            return Err(TokenError::TooMany);
        }
        let token = AccessToken {
            id: new.id,
            name: new.name,
            role: new.role,
            hash: new.hash,
            created_at: convert::now(),
            expires_at: new.expires_at.map(convert::to_stored_precision),
            revoked_at: None,
            last_used_at: None,
        };
        if let Some(record) = &mut record {
            record.detail = Some(format!("token {} ({}), {}", token.id, token.name, token.role));
        }
        let insert = Entity::insert(write(&token).into_active_model().reset_all()).into_query();
        let write = Write {
            record,
            ..self.statement(&insert)
        };
        match self.write(WHAT, write).await {
            Ok(_) => Ok(token),
            Err(StoreError::Database { source, .. }) if is_unique_violation(&source) => {
                Err(TokenError::NameTaken)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The tokens, the oldest first; revoked ones only where `all` says so. A row that can't be read is logged and
    /// left out: whoever holds that token is not let in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn tokens(&self, all: bool) -> Result<Vec<AccessToken>, StoreError> {
        let mut query = Entity::find()
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id);
        if !all {
            query = query.filter(Column::RevokedAt.is_null()).limit(MAX_TOKENS + 1);
        }
        let rows = self.run("listing tokens", query.all(&self.db)).await?;
        let mut tokens = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(token) = read(row) {
                tokens.push(token);
            } else {
                tracing::error!(
                    token.id = row.id,
                    "a stored token can't be read; revoke it by its id"
                );
            }
        }
        Ok(tokens)
    }

    /// Returns whether there is, or was, any token. An open service asks this at each request.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn has_tokens(&self) -> Result<bool, StoreError> {
        let mut found = false;
        if let Some(direct) = &self.direct
            && direct.reader.each(ANY, &[], |_| found = true).is_ok()
        {
            return Ok(found);
        }
        let first = Entity::find().limit(1).count(&self.db);
        Ok(self.run("looking for tokens", first).await? > 0)
    }

    /// Revokes the token with this name or id; returns its id. The record, if there is one, is completed with it, and is
    /// part of the same transaction.
    ///
    /// # Errors
    /// [`TokenError::NotFound`].
    pub async fn revoke_token(
        &self,
        name_or_id: &str,
        mut record: Option<AuditRecord>,
    ) -> Result<TokenId, TokenError> {
        const WHAT: &str = "revoking a token";
        let named = Condition::any()
            .add(Column::Id.eq(name_or_id))
            .add(Column::Name.eq(name_or_id));
        let find = Entity::find().filter(named).filter(Column::RevokedAt.is_null());
        let row = self.run(WHAT, find.one(&self.db)).await?;
        let id = row
            .and_then(|row| row.id.parse().ok())
            .ok_or(TokenError::NotFound)?;
        if let Some(record) = &mut record {
            record.detail = Some(format!("token {id}"));
        }
        let now = convert::to_millis(OffsetDateTime::now_utc());
        let update = Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(now))
            .filter(Column::Id.eq(TokenId::as_str(&id)))
            .filter(Column::RevokedAt.is_null())
            .into_query();
        let write = Write {
            record,
            ..self.statement(&update)
        };
        match self.write(WHAT, write).await?.rows {
            0 => Err(TokenError::NotFound),
            _ => Ok(id),
        }
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn token_used(&self, id: &TokenId, at: OffsetDateTime) -> Result<(), StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(convert::to_millis(at)))
            .filter(Column::Id.eq(id.as_str()))
            .into_query();
        let write = self.statement(&update);
        self.write("noting the use of a token", write).await.map(drop)
    }
}

fn write(token: &AccessToken) -> Model {
    Model {
        id: token.id.to_string(),
        name: token.name.to_string(),
        role: token.role.to_string(),
        hash: token.hash.stored(),
        created_at: convert::to_millis(token.created_at),
        expires_at: token.expires_at.map(convert::to_millis),
        revoked_at: token.revoked_at.map(convert::to_millis),
        last_used_at: token.last_used_at.map(convert::to_millis),
    }
}

/// A time that can't be read must not become "never".
fn read(row: &Model) -> Option<AccessToken> {
    let time = |millis: Option<i64>| match millis {
        Some(millis) => convert::from_millis(millis).map(Some),
        None => Some(None),
    };
    Some(AccessToken {
        id: row.id.parse().ok()?,
        name: row.name.parse().ok()?,
        role: row.role.parse().ok()?,
        hash: TokenHash::from_stored(&row.hash)?,
        created_at: convert::from_millis(row.created_at)?,
        expires_at: time(row.expires_at)?,
        revoked_at: time(row.revoked_at)?,
        last_used_at: time(row.last_used_at)?,
    })
}
