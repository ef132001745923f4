//! The files of keys.

use std::io;
use std::path::{Path, PathBuf};

use ring::hmac;
use storage_persistence::secret_file::{SecretFile, SecretFileError};
use zeroize::Zeroizing;

use super::keys::{Keys, read_set};
use super::{JwtSettings, Verifier};
use crate::chain::Chain;
use crate::watched::Watched;

/// The largest file of keys, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Mode bits that the secret's file must not have, as for a TLS key: any for all users, writing for its group.
const SECRET_TOO_OPEN: u32 = 0o027;
/// Mode bits that the set's file must not have: writing. Its keys are public, but whoever adds one signs tokens of any role.
const SET_TOO_OPEN: u32 = 0o022;

/// Why a file of keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others may read the file of the secret, or change it.
    #[error(
        "jwt_hs256_secret_file: {path} is open to other users (mode {mode:04o}); make it private: chmod 0600, or 0640 for a \
         group that may read it; if they read it, change the secret",
        path = .path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Others may change the file of the set.
    #[error(
        "jwt_jwks_file: {path} can be changed by other users (mode {mode:04o}), who could sign tokens of any role then: \
         chmod 0644",
        path = .path.display()
    )]
    Changeable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It can't be read.
    #[error("{path} can't be read", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What it holds is not right.
    #[error("{path} {why}", path = .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as a predicate.
        why: String,
    },
}

/// Opens the files of keys.
///
/// # Errors
/// [`KeyFileError`].
pub(super) fn open(settings: &JwtSettings) -> Result<Watched<Verifier>, KeyFileError> {
    let (secret, set) = (settings.hs256_secret_file.clone(), settings.jwks_file.clone());
    let paths = [&secret, &set].into_iter().flatten().cloned().collect();
    let load = move || load(secret.as_deref(), set.as_deref()).map(Verifier::new);
    Watched::open("the keys of JSON Web Tokens", paths, load, |error| {
        Chain(error).to_string()
    })
}

fn load(secret: Option<&Path>, set: Option<&Path>) -> Result<Keys, KeyFileError> {
    let content = |path: &Path, why: String| KeyFileError::Content {
        path: path.to_owned(),
        why,
    };
    let mut keys = Keys::default();
    if let Some(path) = secret {
        let open = |path, mode| KeyFileError::Open { path, mode };
        let bytes = read(path, SECRET_TOO_OPEN, open)?;
        let bytes = bytes.trim_ascii_end();
        let least = JwtSettings::MIN_SECRET_BYTES;
        if bytes.len() < least {
            return Err(content(
                path,
                format!("must hold a secret of at least {least} bytes"),
            ));
        }
        keys.secret = Some(hmac::Key::new(hmac::HMAC_SHA256, bytes));
    }
    if let Some(path) = set {
        let open = |path, mode| KeyFileError::Changeable { path, mode };
        keys.public =
            read_set(&read(path, SET_TOO_OPEN, open)?).map_err(|why| content(path, why.to_owned()))?;
    }
    Ok(keys)
}

/// Reads a file whose mode has none of the bits that are `too_open`.
fn read(
    path: &Path,
    too_open: u32,
    open: impl FnOnce(PathBuf, u32) -> KeyFileError,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let why = |error| match error {
        SecretFileError::Unreadable(source) => KeyFileError::Unreadable {
            path: path.to_owned(),
            source,
        },
        other => KeyFileError::Content {
            path: path.to_owned(),
            why: other.to_string(),
        },
    };
    let file = SecretFile::open(path).map_err(why)?;
    let mode = file.mode() & 0o777;
    if mode & too_open != 0 {
        return Err(open(path.to_owned(), mode));
    }
    file.read(MAX_FILE_BYTES).map_err(why)
}
