//! The backends that were tested.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use storage_domain::{BackendId, BackendStatus};

use super::Store;
use crate::entity::{Column, Entity};
use crate::error::StoreError;

impl Store {
    /// The backends whose present config was tested, and what the last test said. Ids and words only: whoever watches
    /// thousands of backends needs no config for that. Rows that can't be read are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn tested(&self) -> Result<Vec<(BackendId, BackendStatus)>, StoreError> {
        let query = Entity::find()
            .select_only()
            .column(Column::Id)
            .column(Column::Status)
            .filter(Column::Status.ne(BackendStatus::Offline.as_str()))
            .into_tuple::<(String, String)>();
        let rows = self.run("listing tested backends", query.all(&self.db)).await?;
        let read = |(id, status): (String, String)| Some((id.parse().ok()?, status.parse().ok()?));
        Ok(rows.into_iter().filter_map(read).collect())
    }
}
