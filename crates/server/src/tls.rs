//! TLS for the addresses that are listened on.

mod files;
mod reload;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use files::Loaded;
pub(crate) use reload::watch;

/// Where the certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate with those of its authorities, PEM.
    pub(crate) cert: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
}

/// What clients are shown. Connections that are open go on with what they were shown.
#[derive(Debug)]
pub(crate) struct Identity {
    files: TlsFiles,
    current: RwLock<Loaded>,
}

impl Identity {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them and what to do.
    pub(crate) fn load(files: TlsFiles) -> anyhow::Result<Self> {
        let loaded = files::load(&files)?;
        Ok(Self {
            files,
            current: RwLock::new(loaded),
        })
    }

    fn current(&self) -> Loaded {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, loaded: Loaded) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    /// How connections are secured: TLS 1.2 and 1.3, without certificates of clients.
    ///
    /// # Errors
    /// The crypto library has no such versions.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as _;
        Ok(ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver))
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().key)
    }
}
