//! TLS: which certificates are accepted, and what is reported of them.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use storage_domain::http::CaBundle;

use crate::error::{Error, ErrorKind};

pub(crate) mod certificate;
pub(crate) mod roots;
mod verifier;

pub(crate) use verifier::NO_ROOTS;
use verifier::Verifier;

/// The TLS side of a client: ring only, TLS 1.2 and 1.3. Nothing is read from disk before the first handshake.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config).
pub(crate) fn client_config(tls_verify: bool, ca_pem: Option<&CaBundle>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(tls_verify, ca_pem, &provider);
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Config, "the HTTP client").with_source(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Connections are pooled, and a probe wants to see the certificate every time.
    tls.resumption = Resumption::disabled();
    Ok(Arc::new(tls))
}

fn verifier(
    tls_verify: bool,
    ca_pem: Option<&CaBundle>,
    provider: &Arc<CryptoProvider>,
) -> Arc<dyn ServerCertVerifier> {
    if tls_verify {
        let private = ca_pem.map(CaBundle::certificates);
        Arc::new(Verifier::new(Arc::clone(provider), private.unwrap_or_default()))
    } else {
        Arc::new(Verifier::of_any(Arc::clone(provider)))
    }
}
