//! The statements that write a backend.

use sea_orm::sea_query::{InsertStatement, UpdateStatement};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait,
};
use storage_domain::Backend;

use crate::convert::{self, SealedConfig};
use crate::entity::{ActiveModel, Column, Entity, Model};
use crate::keys::{KeyError, KeyId};
use crate::store::secrets::Held;

/// Returns the statement that inserts a backend, and the key of its secrets.
pub(super) fn insert(
    backend: &Backend,
    keys: Option<&Held>,
) -> Result<(InsertStatement, Option<KeyId>), KeyError> {
    let row = row(backend, keys)?;
    let key = row.secret_key.clone().map(KeyId::from);
    Ok((Entity::insert(all(row)).into_query(), key))
}

/// Returns the statement that replaces what was read, and the key of the secrets that it writes.
pub(super) fn update(
    read: &Backend,
    changed: &Backend,
    keys: Option<&Held>,
) -> Result<(UpdateStatement, Option<KeyId>), KeyError> {
    let update = Entity::update_many()
        .filter(Column::Id.eq(read.id.to_string()))
        .filter(Column::Version.eq(read.version));
    if changed.revision == read.revision {
        return Ok((update.set(all_but_config(changed)).into_query(), None));
    }
    let row = row(changed, keys)?;
    let key = row.secret_key.clone().map(KeyId::from);
    let mut update = update.set(all(row));
    if read.config.secrets().is_empty() {
        // A row that was read without its secrets would lose them.
        update = update.filter(Column::SecretKey.is_null());
    }
    Ok((update.into_query(), key))
}

fn row(backend: &Backend, keys: Option<&Held>) -> Result<Model, KeyError> {
    let config = convert::seal(backend, keys.and_then(Held::key))?;
    Ok(convert::write(backend, config))
}

/// Every column, to be written.
fn all(row: Model) -> ActiveModel {
    row.into_active_model().reset_all()
}

/// The same, but for the config, which stays as it is stored: a rotation may have encrypted it with another key.
fn all_but_config(backend: &Backend) -> ActiveModel {
    ActiveModel {
        config: ActiveValue::NotSet,
        secret_key: ActiveValue::NotSet,
        ..all(convert::write(backend, SealedConfig::default()))
    }
}
