//! What is written of a backend.

use sea_orm::sea_query::{Expr, Func, InsertStatement, Query, SimpleExpr, UpdateStatement};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter,
    QueryTrait,
};
use storage_domain::Backend;

use crate::convert::{self, SealedConfig};
use crate::entity::{ActiveModel, Column, Entity, secret_key};
use crate::keys::KeyError;
use crate::store::secrets::Held;

/// A new row.
pub(super) fn insert(backend: &Backend, keys: Option<&Held>) -> Result<InsertStatement, KeyError> {
    let (row, key) = columns(backend, keys)?;
    let set = |column| Some((column, Expr::val(row.get(column).into_value()?)));
    let (mut columns, mut values): (Vec<_>, Vec<_>) = Column::iter().filter_map(set).unzip();
    columns.push(Column::SecretKey);
    values.push(key);
    let mut insert = Query::insert();
    insert.into_table(Entity).columns(columns).values_panic(values);
    Ok(insert)
}

/// The row that was read, replaced.
pub(super) fn update(
    read: &Backend,
    changed: &Backend,
    keys: Option<&Held>,
) -> Result<UpdateStatement, KeyError> {
    let update = Entity::update_many();
    let update = if changed.revision == read.revision {
        update.set(columns_but_config(changed))
    } else {
        let (row, key) = columns(changed, keys)?;
        update.set(row).col_expr(Column::SecretKey, key)
    };
    Ok(update
        .filter(Column::Id.eq(read.id.to_string()))
        .filter(Column::Version.eq(read.version))
        .into_query())
}

/// Every column of the backend's row, to be written; and that of its key.
fn columns(backend: &Backend, keys: Option<&Held>) -> Result<(ActiveModel, SimpleExpr), KeyError> {
    let config = convert::seal(backend, keys.and_then(Held::key))?;
    let mut row = convert::write(backend, config).into_active_model().reset_all();
    let key = row.secret_key.take().flatten();
    Ok((
        row,
        key.map_or_else(|| Expr::value(None::<String>), |key| if_present(&key)),
    ))
}

/// The same, but for the config, which stays as it is stored: a rotation may be sealing it anew.
fn columns_but_config(backend: &Backend) -> ActiveModel {
    let row = convert::write(backend, SealedConfig::default());
    ActiveModel {
        config: ActiveValue::NotSet,
        secret_key: ActiveValue::NotSet,
        ..row.into_active_model().reset_all()
    }
}

/// The key's name while it is the present key, and else one that the reference from rows to known keys refuses: an older
/// key may stay known, for a row that can't be opened, and nothing else is to be sealed with it.
fn if_present(key: &str) -> SimpleExpr {
    let present = Query::select()
        .column(secret_key::Column::Id)
        .from(secret_key::Entity)
        .and_where(secret_key::Column::Id.eq(key))
        .and_where(secret_key::Column::IsCurrent.eq(true))
        .take();
    let present = SimpleExpr::SubQuery(None, Box::new(present.into()));
    Func::coalesce([present, Expr::val(format!("older {key}"))]).into()
}
