//! Speaks HTTP/1.1: connections, redirects, answers as streams, and retries.
//!
//! HTTP directories and S3 buckets are read through this client alone. An error names step and kind, and no sentence:
//! `Error::sentence` takes the field of the config that names the server.

mod api;
pub(crate) mod body;
pub(crate) mod checks;
mod classify;
pub(crate) mod client;
pub(crate) mod connection;
mod connector;
pub(crate) mod content;
mod error;
mod fetch;
pub(crate) mod file;
mod http10;
mod limits;
mod origin;
mod piece_size;
pub(crate) mod redirect;
pub(crate) mod retry;

pub use api::{ApiAnswer, ApiClient, ApiRequest};
pub(crate) use client::{Answer, Ask, Authorization, Client};
pub(crate) use connector::Connector;
pub(crate) use error::{Error, Tls};
pub use fetch::Fetch;
pub use limits::{Limits, MAX_REDIRECTS};
pub(crate) use origin::Origin;
