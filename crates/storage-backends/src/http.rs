//! Directories of web servers.

use async_trait::async_trait;
use storage_domain::{BackendKind, HttpConfig, ProbeReport};

use crate::backend::Backend;
use crate::context::OpContext;
use crate::error::BackendError;
use crate::registry::Settings;

/// A directory of a web server.
#[derive(Debug)]
pub struct HttpBackend {}

impl HttpBackend {
    /// A client of the directory that the config names.
    ///
    /// # Errors
    /// [`BackendError::HttpSetup`].
    pub fn new(_config: HttpConfig, _settings: &Settings) -> Result<Self, BackendError> {
        Ok(Self {})
    }
}

#[async_trait]
impl Backend for HttpBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Http
    }

    async fn probe(&self, _cx: &OpContext) -> Result<ProbeReport, BackendError> {
        Err(BackendError::Cancelled { what: "the probe" })
    }
}
