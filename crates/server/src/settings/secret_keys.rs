//! Where the keys of secrets are: in a file, the environment, or a credential of systemd's.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use storage_persistence::KeySource;
use zeroize::Zeroizing;

use super::reader::Reader;
use super::setting::SECRET_KEY_ENV;
use super::table::SECRET_KEY_FILE;

/// The file in the state directory, where nothing else is set.
pub(super) const FILE: &str = "secret.key";
/// systemd's directory of credentials (systemd.exec(5)).
const CREDENTIALS_ENV: &str = "CREDENTIALS_DIRECTORY";
/// The name of the credential.
const CREDENTIAL: &str = "secret-key";

/// The place that was set; `None` where none was. A file that was named and keys in the environment are two places,
/// and a mistake.
pub(super) fn source(reader: &mut Reader) -> Option<KeySource> {
    let given = std::env::var(SECRET_KEY_ENV)
        .ok()
        .filter(|text| !text.is_empty())
        .map(Zeroizing::new);
    match (reader.given(&SECRET_KEY_FILE), given) {
        (true, Some(_)) => {
            reader.mistake(
                &SECRET_KEY_FILE,
                &format!("must not be set beside {SECRET_KEY_ENV}: take one of them"),
            );
            None
        }
        (true, None) => reader.one(&SECRET_KEY_FILE).map(KeySource::Named),
        (false, Some(text)) => match text.parse() {
            Ok(keys) => Some(KeySource::Given {
                keys,
                place: SECRET_KEY_ENV,
            }),
            Err(why) => {
                reader.broken(format!("{SECRET_KEY_ENV} (environment) {why}"));
                None
            }
        },
        (false, None) => credential().map(KeySource::Credential),
    }
}

/// The credential, where the service manager made one. One that can't be looked at counts: to read it then fails, and
/// says why, where a new key would take its place.
fn credential() -> Option<PathBuf> {
    let directory = std::env::var_os(CREDENTIALS_ENV)?;
    let path = Path::new(&directory).join(CREDENTIAL);
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        _ => Some(path),
    }
}
