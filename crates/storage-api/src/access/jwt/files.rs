//! The files of keys, read again when they change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ring::hmac;
use storage_persistence::secret_file::{FileMark, SecretFile, SecretFileError};
use zeroize::Zeroizing;

use super::JwtSettings;
use super::keys::{Keys, read_set};
use crate::chain::Chain;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The largest file of keys.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// What the secret's file must not allow, as for a TLS key: anything to all users, writing to its group.
const SECRET_TOO_OPEN: u32 = 0o027;
/// What the set's file must not allow: writing. Its keys are public, and who adds one makes tokens of any role.
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

/// The keys, and the files that they came from.
pub(super) struct KeyFiles {
    secret: Option<PathBuf>,
    set: Option<PathBuf>,
    in_use: RwLock<KeysInUse>,
    /// When the files were looked at last.
    looked: Mutex<Instant>,
    is_looking: AtomicBool,
    seen: Mutex<Seen>,
}

/// The keys as they were read last.
#[derive(Clone)]
pub(super) struct KeysInUse {
    pub(super) keys: Arc<Keys>,
    /// Another one whenever they were read again.
    pub(super) generation: u64,
}

type Marks = [Option<FileMark>; 2];

/// How the files looked.
struct Seen {
    /// Those of the files whose keys are in use.
    marks: Marks,
    /// Those of the files that could not be used last, which are tried again until they can; the log tells of them once.
    failed: Option<Marks>,
}

/// The turn to look: there is one at a time, however long a look takes.
pub(super) struct Turn(Arc<KeyFiles>);

impl KeyFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub(super) fn open(settings: &JwtSettings) -> Result<Self, KeyFileError> {
        let (secret, set) = (settings.hs256_secret_file.clone(), settings.jwks_file.clone());
        let marks = [&secret, &set].map(|path| FileMark::of(path.as_deref()?));
        let keys = load(secret.as_deref(), set.as_deref())?;
        Ok(Self {
            secret,
            set,
            in_use: RwLock::new(KeysInUse {
                keys: Arc::new(keys),
                generation: 0,
            }),
            looked: Mutex::new(Instant::now()),
            is_looking: AtomicBool::new(false),
            seen: Mutex::new(Seen { marks, failed: None }),
        })
    }

    /// The keys as they were read last.
    pub(super) fn keys(&self) -> KeysInUse {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The turn to look, where that is due and nobody else looks; the others go on with what there is.
    pub(super) fn turn(self: &Arc<Self>) -> Option<Turn> {
        let mut looked = lock(&self.looked);
        if looked.elapsed() < LOOK_EVERY || self.is_looking.swap(true, Ordering::AcqRel) {
            return None;
        }
        *looked = Instant::now();
        Some(Turn(Arc::clone(self)))
    }

    /// Looks whether the files changed; tells whether other keys are in use now. Files that can't be used leave the keys
    /// as they were. Waits for a file system that hangs.
    fn look(&self) -> bool {
        let mut seen = lock(&self.seen);
        let marks = [&self.secret, &self.set].map(|path| FileMark::of(path.as_deref()?));
        if marks == seen.marks {
            seen.failed = None;
            return false;
        }
        match load(self.secret.as_deref(), self.set.as_deref()) {
            Ok(keys) => {
                self.replace(keys);
                (seen.marks, seen.failed) = (marks, None);
                tracing::info!("the keys of JSON Web Tokens were read again, for their files changed");
                true
            }
            Err(error) => {
                if seen.failed.as_ref() != Some(&marks) {
                    tracing::error!(error = %Chain(&error), "the keys of JSON Web Tokens stay as they were");
                }
                seen.failed = Some(marks);
                false
            }
        }
    }

    fn replace(&self, keys: Keys) {
        let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
        *in_use = KeysInUse {
            keys: Arc::new(keys),
            generation: in_use.generation + 1,
        };
    }

    /// Makes the next request look.
    #[cfg(test)]
    pub(super) fn look_next(&self) {
        let mut looked = lock(&self.looked);
        *looked = looked.checked_sub(LOOK_EVERY).unwrap_or(*looked);
    }

    /// A look that begins meanwhile does not end, as on a file system that hangs.
    #[cfg(test)]
    pub(super) fn hang(&self) -> impl Drop + '_ {
        lock(&self.seen)
    }
}

impl Turn {
    /// Looks; see [`KeyFiles::look`].
    pub(super) fn look(self) -> bool {
        self.0.look()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.is_looking.store(false, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The text of a file whose mode has none of the bits that are `too_open`.
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
