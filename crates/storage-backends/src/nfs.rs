//! NFS exports, mounted by the kernel's own client.

pub mod exports;
pub mod preflight;
pub mod scan;

use std::sync::Arc;

use async_trait::async_trait;
use storage_domain::{BackendKind, MountPoint, NfsConfig, ProbeReport};

use crate::backend::Backend;
use crate::context::OpContext;
use crate::error::BackendError;
use crate::lane::Lane;
use crate::registry::Settings;

/// An NFS export.
#[derive(Debug)]
pub struct NfsBackend {}

impl NfsBackend {
    /// A backend that mounts on `at`, where mounting is switched on.
    pub fn new(_config: NfsConfig, _at: Option<MountPoint>, _lane: Arc<Lane>, _settings: &Settings) -> Self {
        Self {}
    }
}

#[async_trait]
impl Backend for NfsBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Nfs
    }

    async fn probe(&self, _cx: &OpContext) -> Result<ProbeReport, BackendError> {
        Err(BackendError::Cancelled { what: "the probe" })
    }
}
