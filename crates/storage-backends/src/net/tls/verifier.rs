//! Decides whether a server's certificate is accepted.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::net::tls::certificate::Facts;
use crate::net::tls::roots;

/// What a failed handshake says where the host trusts nobody.
pub(crate) const NO_ROOTS: &str = "no trusted authorities";

/// Decides about a server's certificate; the handshake has to be signed with its key in any case.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    trust: Trust,
}

/// Whose certificates are accepted.
#[derive(Debug)]
enum Trust {
    /// Anybody's.
    Any,
    /// What the authorities of `ca_pem` or of the system vouch for, and the certificates of `ca_pem` themselves.
    Authorities(Authorities),
}

#[derive(Debug)]
struct Authorities {
    private: Vec<CertificateDer<'static>>,
    by_private: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl Verifier {
    /// Accepts what the system and the `private` certificates vouch for.
    pub(super) fn new(provider: Arc<CryptoProvider>, private: Vec<CertificateDer<'static>>) -> Self {
        let authorities = Authorities {
            private,
            by_private: OnceLock::new(),
        };
        Self {
            provider,
            trust: Trust::Authorities(authorities),
        }
    }

    /// Accepts any certificate.
    pub(super) fn of_any(provider: Arc<CryptoProvider>) -> Self {
        Self {
            provider,
            trust: Trust::Any,
        }
    }
}

impl Authorities {
    fn by_private(&self, provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
        self.by_private
            .get_or_init(|| roots::verifier_of(self.private.clone(), provider))
            .clone()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust::Authorities(trusted) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        if trusted.private.iter().any(|known| known == end_entity) {
            return pinned(end_entity, server_name, now);
        }
        let ask = |verifier: Arc<WebPkiServerVerifier>| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match trusted.by_private(&self.provider).map(ask) {
            None | Some(Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))) => {}
            Some(decided) => return decided,
        }
        match roots::system(&self.provider).map(ask) {
            Some(decided) => decided,
            None if trusted.private.is_empty() => Err(Error::General(NO_ROOTS.to_owned())),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Accepts a certificate that the operator named itself, while it is valid and for this name.
///
/// A self-signed certificate as `openssl req -x509` makes it is an authority by its own word, and as a server's
/// certificate webpki refuses one.
fn pinned(
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
    let facts = Facts::of(certificate).ok_or(CertificateError::BadEncoding)?;
    let not_after = UnixTime::since_unix_epoch(facts.until_unix());
    if facts.ended_at(now) {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    if facts.not_begun_at(now) {
        return Err(CertificateError::NotValidYet.into());
    }
    Ok(ServerCertVerified::assertion())
}
