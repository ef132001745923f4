//! The kinds of storage that are compiled in.

use std::sync::Arc;

use storage_domain::BackendConfig;

use crate::backend::{Backend, Kind, Setup};
use crate::error::Error;

/// Declares the kinds: a line each, as `"feature" Kind => Backend;`.
macro_rules! kinds {
    ($($feature:literal $kind:ident => $backend:path;)+) => {
        /// Makes the live backend of a config.
        ///
        /// # Errors
        /// [`crate::ErrorKind::Config`]: no client can be made from it, or its kind is not compiled in.
        pub(crate) fn open(config: &BackendConfig, setup: &Setup<'_>) -> Result<Arc<dyn Backend>, Error> {
            match config {
                $(
                    #[cfg(feature = $feature)]
                    BackendConfig::$kind(config) => Ok(Arc::new(<$backend>::open(config, setup)?)),
                    #[cfg(not(feature = $feature))]
                    BackendConfig::$kind(_) => {
                        let reason = concat!("This program is built without the kind ", $feature);
                        Err(Error::new(crate::ErrorKind::Config, "the backend").with_source(reason))
                    }
                )+
            }
        }

        /// Returns warnings about what a config allows, one sentence each.
        pub(crate) fn warnings(config: &BackendConfig) -> Vec<String> {
            match config {
                $(
                    #[cfg(feature = $feature)]
                    BackendConfig::$kind(config) => <$backend>::warnings(config),
                    #[cfg(not(feature = $feature))]
                    BackendConfig::$kind(_) => Vec::new(),
                )+
            }
        }
    };
}

kinds! {
    "nfs" Nfs => crate::nfs::NfsBackend;
    "http" Http => crate::http::HttpBackend;
    "s3" S3 => crate::s3::S3Backend;
    "iscsi" Iscsi => crate::iscsi::IscsiBackend;
}
