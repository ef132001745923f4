//! Why there are no keys, or not the right ones.

use std::path::PathBuf;

use super::{KeyId, KeyRing};

/// Why a text holds no keys; shows nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is none.
    #[error("holds no key")]
    Empty,
    /// One of them is none.
    #[error(
        "must hold keys of 32 random bytes in base64, as `openssl rand -base64 32` makes them; number {number} is none"
    )]
    NoKey {
        /// Its place, from 1.
        number: usize,
    },
    /// There are more than [`KeyRing::MAX_KEYS`].
    #[error("holds more than {} keys", KeyRing::MAX_KEYS)]
    TooMany,
}

/// Why there are no keys, or not the right ones.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store was given no keys yet.
    #[error("the store has no key for secrets yet")]
    Locked,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// A file of keys is not there.
    #[error("the key file {} is not there; make one with `(umask 077; openssl rand -base64 32 > {})`", .path.display(), .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file of keys can't be read, made or changed.
    #[error("the key file {} can't be {step}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others may read a file of keys.
    #[error("other users may read the key file {} (mode {mode:04o}): chmod 600 {}; if they did, run `pureboot-storage keys rotate` afterwards", .path.display(), .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A place for keys holds something else.
    #[error("{place} {why}")]
    Malformed {
        /// Where they were looked for.
        place: String,
        /// What is wrong.
        why: Malformed,
    },
    /// The database's secrets were encrypted with a key that is not here.
    #[error(
        "the secrets in the database are sealed with key {wanted}, and {searched}. All processes on one database need the same \
         key: put the file that holds it there, or name it with --secret-key-file (or PUREBOOT_STORAGE_SECRET_KEY, or a \
         systemd credential secret-key). If it is lost for good, so are the secrets: see `pureboot-storage keys reset --help`"
    )]
    Wanted {
        /// The key's name.
        wanted: KeyId,
        /// Where keys were looked for, and what was found.
        searched: String,
    },
    /// The keys come from a place that the program can't change.
    #[error(
        "{place} can't be changed from here: put a new key (`openssl rand -base64 32`) in front of the present one there, parted \
         by a comma or a line end, restart the service with both, and then run `keys rotate` again"
    )]
    Fixed {
        /// The place.
        place: String,
    },
    /// There is no room for one more key: what would be written could not be read.
    #[error(
        "{place} holds {} keys, the most there may be, and the older ones are those of backends whose secrets can't be opened: \
         delete these backends, which the log names, register them again, and run the command again",
        KeyRing::MAX_KEYS
    )]
    Full {
        /// The place.
        place: String,
    },
    /// Another process changes the keys.
    #[error("another process rotates the keys right now")]
    Busy,
    /// Another process changed the present key meanwhile.
    #[error("the present key of the database was changed meanwhile, to {now}; run the command again")]
    Superseded {
        /// The present key.
        now: KeyId,
    },
}
