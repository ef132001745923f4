//! The files of keys, read again when they change.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ring::hmac;
use rustix::fs::OFlags;

use super::JwtSettings;
use super::keys::{Keys, read_set};
use crate::chain::Chain;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The largest file of keys.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Why a file of keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
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

/// What tells that a file is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    file: (u64, u64),
    size: u64,
    /// Not the time of its content: that can be set back, and tells nothing of a new mode.
    changed: (i64, i64),
}

/// The keys, and the files that they came from.
pub(super) struct KeyFiles {
    secret: Option<PathBuf>,
    set: Option<PathBuf>,
    in_use: RwLock<KeysInUse>,
    looked: Mutex<Looked>,
}

/// The keys as they were read last.
#[derive(Clone)]
pub(super) struct KeysInUse {
    pub(super) keys: Arc<Keys>,
    /// Another one whenever they were read again.
    pub(super) generation: u64,
}

type Marks = [Option<Mark>; 2];

struct Looked {
    at: Instant,
    /// Those of the files whose keys are in use.
    marks: Marks,
    /// Those of the files that could not be used last, which are tried again until they can; the log tells of them once.
    failed: Option<Marks>,
}

impl KeyFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub(super) fn open(settings: &JwtSettings) -> Result<Self, KeyFileError> {
        let (secret, set) = (settings.hs256_secret_file.clone(), settings.jwks_file.clone());
        let marks = [mark(secret.as_deref()), mark(set.as_deref())];
        let keys = load(secret.as_deref(), set.as_deref())?;
        Ok(Self {
            secret,
            set,
            in_use: RwLock::new(KeysInUse {
                keys: Arc::new(keys),
                generation: 0,
            }),
            looked: Mutex::new(Looked {
                at: Instant::now(),
                marks,
                failed: None,
            }),
        })
    }

    /// The keys as they were read last.
    pub(super) fn keys(&self) -> KeysInUse {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks, now and then, whether the files changed; tells whether other keys are in use now. Files that can't be used
    /// leave the keys as they were.
    pub(super) fn refresh(&self) -> bool {
        // One request looks; the others go on with what there is.
        let Ok(mut looked) = self.looked.try_lock() else {
            return false;
        };
        if looked.at.elapsed() < LOOK_EVERY {
            return false;
        }
        looked.at = Instant::now();
        let marks = [mark(self.secret.as_deref()), mark(self.set.as_deref())];
        if marks == looked.marks {
            looked.failed = None;
            return false;
        }
        match load(self.secret.as_deref(), self.set.as_deref()) {
            Ok(keys) => {
                self.replace(keys);
                (looked.marks, looked.failed) = (marks, None);
                tracing::info!("the keys of JSON Web Tokens were read again, for their files changed");
                true
            }
            Err(error) => {
                if looked.failed.as_ref() != Some(&marks) {
                    tracing::error!(error = %Chain(&error), "the keys of JSON Web Tokens stay as they were");
                }
                looked.failed = Some(marks);
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
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.at = Instant::now().checked_sub(LOOK_EVERY).unwrap_or(looked.at);
    }
}

fn mark(path: Option<&Path>) -> Option<Mark> {
    let found: Metadata = path?.metadata().ok()?;
    Some(Mark {
        file: (found.dev(), found.ino()),
        size: found.size(),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

fn load(secret: Option<&Path>, set: Option<&Path>) -> Result<Keys, KeyFileError> {
    let content = |path: &Path, why: String| KeyFileError::Content {
        path: path.to_owned(),
        why,
    };
    let mut keys = Keys::default();
    if let Some(path) = secret {
        let bytes = read(path)?;
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
        keys.public = read_set(&read(path)?).map_err(|why| content(path, why.to_owned()))?;
    }
    Ok(keys)
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyFileError> {
    let unreadable = |source| KeyFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    // Nobody may ever write into a pipe.
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(KeyFileError::Content {
            path: path.to_owned(),
            why: "is no file".to_owned(),
        });
    }
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(KeyFileError::Content {
            path: path.to_owned(),
            why: format!("is larger than {MAX_FILE_BYTES} bytes"),
        });
    }
    Ok(bytes)
}
