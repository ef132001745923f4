//! The files of a certificate and its key.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use storage_persistence::secret_file::SecretFile;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::TlsFiles;

/// The largest file that is read, in bytes: long chains have some ten thousand.
const MAX_BYTES: u64 = 1024 * 1024;
/// What a key file must not allow: anything to all users, writing to its group.
const TOO_OPEN: u32 = 0o027;

/// A certificate with its key.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) key: Arc<CertifiedKey>,
    /// When the certificate ends.
    pub(super) end: SystemTime,
}

/// Reads a certificate and its key.
///
/// # Errors
/// What is wrong and what to do; nothing of the files' text.
pub(super) fn load(files: &TlsFiles) -> anyhow::Result<Loaded> {
    let (cert, key) = (files.cert.display(), files.key.display());
    let text = read(&files.cert, 0).with_context(|| format!("tls_cert_file: {cert}"))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.with_context(|| format!("tls_cert_file: {cert} is no PEM file"))?;
    let first = chain.first();
    let first = first.with_context(|| format!("tls_cert_file: {cert} holds no certificate"))?;
    let end =
        end(first).with_context(|| format!("tls_cert_file: {cert} holds no certificate that can be read"))?;

    let text = read(&files.key, TOO_OPEN).with_context(|| format!("tls_key_file: {key}"))?;
    let private_key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        anyhow::anyhow!("tls_key_file: {key} holds no private key in PEM that is not encrypted")
    })?;
    let certified = CertifiedKey::from_der(chain, private_key, &ring::default_provider());
    let certified = certified.with_context(|| format!("tls_key_file: {key} does not fit {cert}"))?;
    Ok(Loaded {
        key: Arc::new(certified),
        end,
    })
}

/// The text of a file whose mode has none of the bits that are `too_open`.
fn read(path: &Path, too_open: u32) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let file = SecretFile::open(path)?;
    let mode = file.mode() & 0o777;
    ensure!(
        mode & too_open == 0,
        "is open to other users (mode {mode:04o}); make it private: chmod 0600, or 0640 for a group that may read it"
    );
    Ok(file.read(MAX_BYTES)?)
}

fn end(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let seconds = parsed.validity().not_after.timestamp();
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
