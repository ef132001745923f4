//! TLS for the addresses that are listened on.

mod files;
mod reload;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use storage_api::watched::Watched;
use tokio::time::Instant;

use files::Loaded;

/// Where the certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate with those of its authorities, PEM.
    pub(crate) cert: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
}

/// The certificate that clients are shown. Open connections go on with what they were shown.
pub(crate) struct Identity {
    files: Watched<Loaded>,
    /// When the log was last reminded of the certificate's end.
    reminded: Mutex<Option<Instant>>,
}

impl Identity {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them and what to do.
    pub(crate) fn load(files: TlsFiles) -> anyhow::Result<Self> {
        let paths = vec![files.cert.clone(), files.key.clone()];
        let load = move || files::load(&files);
        Ok(Self {
            files: Watched::open("the new TLS certificate", paths, load, |error| {
                format!("{error:#}")
            })?,
            reminded: Mutex::default(),
        })
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
        Some(Arc::clone(&self.files.current().key))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}
