//! Why the store could not do it.

use storage_domain::BackendId;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another backend has this name.
    #[error("another backend has this name")]
    NameTaken,
    /// There is no such backend.
    #[error("there is no such backend")]
    NotFound,
    /// The backend changed since it was read.
    #[error("the backend changed since it was read")]
    Changed,
    /// The row of a backend can't be read.
    #[error("the stored backend {id} can't be read: {reason}")]
    Unreadable {
        /// The backend.
        id: BackendId,
        /// Why, without a secret.
        reason: String,
    },
    /// The setting of the database can't be used.
    #[error("the database can't be opened: {0}")]
    Settings(String),
    /// The database did not answer in time, or is gone.
    #[error("the database is not available")]
    Unavailable(#[source] sea_orm::DbErr),
    /// The database refused.
    #[error("the database refused: {what}")]
    Database {
        /// The unit of work.
        what: &'static str,
        /// What the database said.
        #[source]
        source: sea_orm::DbErr,
    },
}
