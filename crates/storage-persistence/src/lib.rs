//! The store of backends, on SQLite and PostgreSQL.

mod error;
mod store;

pub use error::StoreError;
pub use store::{
    BackendFilter, BackendPage, Measurement, NewBackend, Store, StoreSettings, UnreadableBackend,
};
