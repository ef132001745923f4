//! The files of a certificate and its key.

use std::fs::{self, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use nix::fcntl::OFlag;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
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
    /// How the files looked before they were read: what changes meanwhile is seen afterwards.
    pub(super) seen: Fingerprint,
}

/// How the two files look from outside; different after every change, that of a link's target included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint([Option<Look>; 2]);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    file: (u64, u64),
    changed: (i64, i64),
    size: u64,
}

impl Look {
    fn of(found: &Metadata) -> Self {
        Self {
            file: (found.dev(), found.ino()),
            changed: (found.ctime(), found.ctime_nsec()),
            size: found.size(),
        }
    }
}

/// How the files look now.
pub(super) fn fingerprint(files: &TlsFiles) -> Fingerprint {
    let look = |path| fs::metadata(path).ok().as_ref().map(Look::of);
    Fingerprint([&files.cert, &files.key].map(look))
}

/// Reads a certificate and its key.
///
/// # Errors
/// What is wrong and what to do; nothing of the files' text.
pub(super) fn load(files: &TlsFiles) -> anyhow::Result<Loaded> {
    let seen = fingerprint(files);
    let (cert, key) = (files.cert.display(), files.key.display());
    let text = read(&files.cert, |_| Ok(())).with_context(|| format!("tls_cert_file: {cert}"))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.with_context(|| format!("tls_cert_file: {cert} is no PEM file"))?;
    let first = chain.first();
    let first = first.with_context(|| format!("tls_cert_file: {cert} holds no certificate"))?;
    let end =
        end(first).with_context(|| format!("tls_cert_file: {cert} holds no certificate that can be read"))?;

    let text = read(&files.key, private).with_context(|| format!("tls_key_file: {key}"))?;
    let private_key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        anyhow::anyhow!("tls_key_file: {key} holds no private key in PEM that is not encrypted")
    })?;
    let certified = CertifiedKey::from_der(chain, private_key, &ring::default_provider());
    let certified = certified.with_context(|| format!("tls_key_file: {key} does not fit {cert}"))?;
    Ok(Loaded {
        key: Arc::new(certified),
        end,
        seen,
    })
}

fn read(path: &Path, check: impl Fn(&Metadata) -> anyhow::Result<()>) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    // Without waiting: to open a pipe would wait for its writer, for ever.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path).context("can't be read")?;
    let found = file.metadata().context("can't be read")?;
    ensure!(found.is_file(), "is no file");
    ensure!(found.len() <= MAX_BYTES, "is larger than {MAX_BYTES} bytes");
    check(&found)?;
    // With room for all of it: a buffer that grows would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(
        MAX_BYTES.min(found.len() + 1),
    )?));
    file.take(found.len())
        .read_to_end(&mut text)
        .context("can't be read")?;
    Ok(text)
}

fn private(found: &Metadata) -> anyhow::Result<()> {
    let mode = found.permissions().mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        bail!(
            "is open to other users (mode {mode:04o}); make it private: chmod 0600, or 0640 for a group that may read it"
        );
    }
    Ok(())
}

fn end(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let seconds = parsed.validity().not_after.timestamp();
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
