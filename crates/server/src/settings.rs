//! Everything that can be set, from flags, the environment, a file and defaults, in this order.
//!
//! [`keys`] has the table that the command line, `--help`, the file and the README share. All of it is read and
//! checked at start, and every mistake is told at once.

mod clients;
pub(crate) mod directories;
mod environment;
mod file;
mod jwt;
pub(crate) mod keys;
pub(crate) mod layers;
pub(crate) mod listen;
mod mistakes;
mod reader;
mod secret_keys;
pub(crate) mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use storage_api::JwtSettings;
use storage_backends::Egress;
use storage_backends::{Settings as BackendSettings, SettingsError};
use storage_domain::iscsi::InitiatorName;
use storage_domain::{IgnoredDirectories, TemplatePatterns};
use storage_persistence::{KeySource, StoreSettings};

use crate::tls::TlsFiles;
use clients::Clients;
use keys::{Key, key};
use layers::Layers;
use listen::Listen;
use mistakes::Mistakes;
use reader::Reader;
pub(crate) use values::{AuthWord, LogFormat, LogLevel};

/// The database's name in the state directory.
const DATABASE_FILE: &str = "storage.db";

/// What the service was told, checked.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Where the service listens.
    pub(crate) listen: Vec<Listen>,
    /// `None`: nothing is encrypted.
    pub(crate) tls: Option<TlsFiles>,
    /// The permissions of Unix sockets.
    pub(crate) unix_socket_mode: u32,
    /// The database; may hold a password.
    pub(crate) database_url: DatabaseUrl,
    pub(crate) database_max_connections: u32,
    /// The keys of secrets; `None`: a file of the service's own in the state directory.
    pub(crate) secret_keys: Option<KeySource>,
    pub(crate) state_dir: PathBuf,
    /// `None`: mounting is switched off.
    pub(crate) mount_dir: Option<PathBuf>,
    pub(crate) unmount_at_stop: bool,
    pub(crate) templates: TemplatePatterns,
    pub(crate) ignored: IgnoredDirectories,
    pub(crate) mount_deadline: Duration,
    pub(crate) test_deadline: Duration,
    pub(crate) scan_deadline: Duration,
    /// `None`: backends are not watched.
    pub(crate) watch_interval: Option<Duration>,
    pub(crate) scan_interval: Duration,
    pub(crate) shutdown_deadline: Duration,
    pub(crate) initiator: InitiatorName,
    pub(crate) auth: AuthWord,
    /// `None`: JSON Web Tokens are not accepted.
    pub(crate) jwt: Option<JwtSettings>,
    /// Where backends may be.
    pub(crate) egress: Egress,
    /// What clients may do and how much of it.
    pub(crate) clients: Clients,
    pub(crate) http_workers: usize,
    pub(crate) log: LogSettings,
    /// What is allowed, and worth a word in the log.
    pub(crate) warnings: Vec<String>,
}

/// How the log is written.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: LogLevel,
}

/// The URL of the database. It has no `Debug` and no `Display`, for it may hold a password.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(pub(crate) String);

/// Reads every setting.
///
/// # Errors
/// Every mistake, with its key and where it was set.
pub(crate) fn load(flags: &ArgMatches) -> Result<Settings, Mistakes> {
    let (layers, mistakes) = Layers::collect(flags, true);
    read(Reader::new(layers, mistakes))
}

/// Reads every setting but those of the file: for commands that work without the service.
///
/// # Errors
/// Every mistake, with its key and where it was set.
pub(crate) fn load_without_file(flags: &ArgMatches) -> Result<Settings, Mistakes> {
    let (layers, mistakes) = Layers::collect(flags, false);
    read(Reader::new(layers, mistakes))
}

fn read(mut reader: Reader) -> Result<Settings, Mistakes> {
    let state_dir = state_dir(&mut reader);
    let mounting = reader.one(key(keys::MOUNTING), values::switch).unwrap_or(true);
    let mount_dir = mount_dir(&mut reader, state_dir.as_ref());
    let database_url = database_url(&mut reader, state_dir.as_ref());
    let mount_deadline = reader.one(key(keys::MOUNT_DEADLINE), values::duration);
    let test_deadline = reader.one(key(keys::TEST_DEADLINE), values::duration);
    check_nesting(&mut reader, mount_deadline, test_deadline);
    let listen = reader.many(key(keys::LISTEN), Listen::parse);
    let templates = reader.whole(key(keys::TEMPLATE_EXTENSIONS), |endings| {
        TemplatePatterns::new(endings).map_err(|rule| rule.to_string())
    });
    let ignored = reader.whole(key(keys::IGNORED_DIRECTORIES), |names| {
        let names: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
        IgnoredDirectories::new(&names).map_err(|rule| rule.to_string())
    });
    let settings = Settings {
        listen: listen.unwrap_or_default(),
        tls: tls(&mut reader),
        unix_socket_mode: reader.one(key(keys::UNIX_SOCKET_MODE), listen::mode).unwrap_or(0),
        database_url: database_url.unwrap_or(DatabaseUrl(String::new())),
        database_max_connections: reader.one_or_zero(key(keys::DATABASE_MAX_CONNECTIONS)),
        secret_keys: secret_keys::source(&mut reader),
        state_dir: state_dir.unwrap_or_default(),
        mount_dir: mount_dir.filter(|_| mounting),
        unmount_at_stop: reader
            .one(key(keys::UNMOUNT_AT_STOP), values::switch)
            .unwrap_or(false),
        templates: templates.unwrap_or_default(),
        ignored: ignored.unwrap_or_default(),
        mount_deadline: mount_deadline.unwrap_or_default(),
        test_deadline: test_deadline.unwrap_or_default(),
        scan_deadline: reader
            .one(key(keys::SCAN_DEADLINE), values::duration)
            .unwrap_or_default(),
        watch_interval: reader
            .one(key(keys::WATCH_INTERVAL), values::duration_or_off)
            .unwrap_or_default(),
        scan_interval: reader
            .one(key(keys::SCAN_INTERVAL), values::duration)
            .unwrap_or_default(),
        shutdown_deadline: reader
            .one(key(keys::SHUTDOWN_DEADLINE), values::duration)
            .unwrap_or_default(),
        initiator: reader
            .one(key(keys::ISCSI_INITIATOR_NAME), values::initiator)
            .unwrap_or_default(),
        auth: reader.one(key(keys::AUTH), values::auth).unwrap_or_default(),
        jwt: jwt::read(&mut reader),
        egress: egress(&mut reader),
        clients: clients::read(&mut reader),
        http_workers: usize::try_from(reader.one_or_zero(key(keys::HTTP_WORKERS))).unwrap_or(1),
        log: log(&mut reader),
        warnings: reader.take_warnings(),
    };
    reader.finish()?;
    Ok(settings)
}

impl Settings {
    /// Where the keys of secrets are; the state directory has to be prepared.
    pub(crate) fn key_source(&self) -> KeySource {
        let own = || KeySource::Own(self.state_dir.join(secret_keys::FILE));
        self.secret_keys.clone().unwrap_or_else(own)
    }
}

fn log(reader: &mut Reader) -> LogSettings {
    LogSettings {
        format: reader
            .one(key(keys::LOG_FORMAT), values::log_format)
            .unwrap_or_default(),
        level: reader
            .one(key(keys::LOG_LEVEL), values::log_level)
            .unwrap_or_default(),
    }
}

fn tls(reader: &mut Reader) -> Option<TlsFiles> {
    let (cert, private) = (key(keys::TLS_CERT_FILE), key(keys::TLS_KEY_FILE));
    match (reader.given(cert), reader.given(private)) {
        (true, false) => reader.mistake(private, "must be set, because tls_cert_file is"),
        (false, true) => reader.mistake(cert, "must be set, because tls_key_file is"),
        _ => {}
    }
    let cert = reader.one(cert, values::absolute_path);
    let key = reader.one(private, values::absolute_path);
    Some(TlsFiles {
        cert: cert?,
        key: key?,
    })
}

fn egress(reader: &mut Reader) -> Egress {
    let allow = reader.many(key(keys::ALLOW_NETWORKS), values::networks);
    let deny = reader.many(key(keys::DENY_NETWORKS), values::networks);
    let [allow, deny] = [allow, deny].map(|networks| networks.unwrap_or_default().concat());
    Egress::new(allow, deny)
}

fn state_dir(reader: &mut Reader) -> Option<PathBuf> {
    let key = key(keys::STATE_DIR);
    if reader.given(key) {
        return reader.one(key, values::absolute_path);
    }
    let found = directories::default_state_dir();
    found.map_err(|why| reader.mistake(key, &why)).ok()
}

fn mount_dir(reader: &mut Reader, state_dir: Option<&PathBuf>) -> Option<PathBuf> {
    let key = key(keys::MOUNT_DIR);
    if reader.given(key) {
        return reader.one(key, values::absolute_path);
    }
    state_dir.map(|dir| dir.join(directories::MOUNTS))
}

fn database_url(reader: &mut Reader, state_dir: Option<&PathBuf>) -> Option<DatabaseUrl> {
    let key: &Key = key(keys::DATABASE_URL);
    let url = if reader.given(key) {
        reader.one(key, values::database_url)
    } else {
        state_dir.map(|dir| sqlite_url(&dir.join(DATABASE_FILE)))
    }?;
    if reader.is_flag(key) && values::has_password(&url) {
        reader.warn(format!(
            "a password in --{} can be read by every user of this machine (ps); set {} or the file instead",
            key.flag(),
            key.env()
        ));
    }
    Some(DatabaseUrl(url))
}

/// The URL of a file. `%` and `?` would end its path or begin an escape.
fn sqlite_url(file: &Path) -> String {
    let path = file.to_string_lossy().replace('%', "%25").replace('?', "%3F");
    format!("{}//{path}", StoreSettings::SQLITE_SCHEME)
}

/// The time limits nest, as the backends want them to.
fn check_nesting(reader: &mut Reader, mount: Option<Duration>, test: Option<Duration>) {
    let checked = [
        mount.map(BackendSettings::check_mount_deadline),
        mount
            .zip(test)
            .map(|(mount, test)| BackendSettings::check_test_deadline(test, mount)),
    ];
    for error in checked.into_iter().flatten().filter_map(Result::err) {
        reader.mistake(key_of(&error), &error.rule());
    }
}

/// The key of what the backends don't take.
fn key_of(error: &SettingsError) -> &'static Key {
    key(match error {
        SettingsError::MountDeadline { .. } => keys::MOUNT_DEADLINE,
        SettingsError::TestDeadline { .. } => keys::TEST_DEADLINE,
        SettingsError::MountDir { .. } => keys::MOUNT_DIR,
    })
}

#[cfg(test)]
mod tests;
