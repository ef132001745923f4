//! The authorities that this host trusts, read once a process and only when a first certificate is to be verified.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;

/// About 150 certificates for every backend of the process; `None` where the host has none.
static SYSTEM: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();

/// Verifies with the authorities of the system; `None` where there are none.
pub(crate) fn system(provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    SYSTEM
        .get_or_init(|| verifier_of(rustls_native_certs::load_native_certs().certs, provider))
        .clone()
}

/// Verifies with these authorities alone; `None` where none of them can be used.
pub(crate) fn verifier_of(
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(authorities);
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .build()
        .ok()
}

/// Reads the system's authorities on a thread for such work, so that a handshake need not.
pub(crate) async fn preload() {
    if SYSTEM.get().is_none() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let _ = tokio::task::spawn_blocking(move || system(&provider)).await;
    }
}
