//! Everything that can be set, from flags, the environment, a file and defaults, in this order.
//!
//! [`table`] has the settings, from which the command line, `--help`, the file and docs/settings.md come. All of them are
//! read and checked at start, and every mistake is reported at once.

mod clients;
mod database;
pub(crate) mod directories;
mod environment;
mod file;
mod jwt;
pub(crate) mod layers;
pub(crate) mod listen;
mod mistakes;
mod reader;
mod secret_keys;
mod setting;
pub(crate) mod table;
pub(crate) mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use storage_api::{CacheSettings, JwtSettings};
use storage_backends::Egress;
use storage_backends::{Settings as BackendSettings, SettingsError};
use storage_domain::iscsi::InitiatorName;
use storage_domain::net::Network;
use storage_domain::{IgnoredDirectories, TemplatePatterns};
use storage_persistence::KeySource;

use crate::tls::TlsFiles;
use clients::Clients;
pub(crate) use database::DatabaseUrl;
use layers::Layers;
use listen::Listen;
use mistakes::Mistakes;
use reader::Reader;
use setting::Key;
pub(crate) use values::{AuthWord, LogFormat, LogLevel};

/// What was set, checked.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Where the service listens.
    pub(crate) listen: Vec<Listen>,
    /// `None`: nothing is encrypted.
    pub(crate) tls: Option<TlsFiles>,
    /// The permissions of Unix sockets.
    pub(crate) unix_socket_mode: u32,
    /// Where machines that boot read files.
    pub(crate) boot_listen: Vec<Listen>,
    /// Machines that need no token there.
    pub(crate) boot_networks: Vec<Network>,
    /// `None`: boot files are not kept.
    pub(crate) boot_cache: Option<CacheSettings>,
    /// The database; may hold a password.
    pub(crate) database_url: DatabaseUrl,
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
    /// `None`: backends are not watched.
    pub(crate) watch_interval: Option<Duration>,
    pub(crate) scan_interval: Duration,
    pub(crate) shutdown_deadline: Duration,
    /// `None`: files of any size may be written.
    pub(crate) max_upload_bytes: Option<u64>,
    /// `None`: files of any size may be fetched.
    pub(crate) max_fetch_bytes: Option<u64>,
    pub(crate) initiator: InitiatorName,
    pub(crate) auth: AuthWord,
    /// `None`: JSON Web Tokens are not accepted.
    pub(crate) jwt: Option<JwtSettings>,
    /// Where backends may be.
    pub(crate) egress: Egress,
    /// Where files may be fetched from.
    pub(crate) fetch_egress: Egress,
    /// What clients may do and how much of it.
    pub(crate) clients: Clients,
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
    let mounting = reader.one(&table::MOUNTING).unwrap_or(true);
    let mount_dir = mount_dir(&mut reader, state_dir.as_ref());
    let (mount_deadline, test_deadline) = deadlines(&mut reader);
    let settings = Settings {
        listen: reader.many(&table::LISTEN),
        tls: tls(&mut reader),
        unix_socket_mode: reader.get(&table::UNIX_SOCKET_MODE),
        boot_listen: reader.many(&table::BOOT_LISTEN),
        boot_networks: boot_networks(&mut reader),
        boot_cache: boot_cache(&mut reader, state_dir.as_ref()),
        database_url: database::read(&mut reader, state_dir.as_ref()).unwrap_or_default(),
        secret_keys: secret_keys::source(&mut reader),
        state_dir: state_dir.unwrap_or_default(),
        mount_dir: mount_dir.filter(|_| mounting),
        unmount_at_stop: reader.get(&table::UNMOUNT_AT_STOP),
        templates: reader.whole(&table::TEMPLATE_EXTENSIONS, |endings| {
            TemplatePatterns::new(endings).map_err(|rule| rule.to_string())
        }),
        ignored: reader.whole(&table::IGNORED_DIRECTORIES, |names| {
            let names: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
            IgnoredDirectories::new(&names).map_err(|rule| rule.to_string())
        }),
        mount_deadline,
        test_deadline,
        watch_interval: reader.get(&table::WATCH_INTERVAL),
        scan_interval: reader.get(&table::SCAN_INTERVAL),
        shutdown_deadline: reader.get(&table::SHUTDOWN_DEADLINE),
        max_upload_bytes: reader.get(&table::MAX_UPLOAD_BYTES),
        max_fetch_bytes: reader.get(&table::MAX_FETCH_BYTES),
        initiator: reader.get(&table::ISCSI_INITIATOR_NAME),
        auth: reader.get(&table::AUTH),
        jwt: jwt::read(&mut reader),
        egress: Egress::new(
            reader.many(&table::ALLOW_NETWORKS).concat(),
            reader.many(&table::DENY_NETWORKS).concat(),
        ),
        fetch_egress: Egress::public(
            reader.many(&table::FETCH_NETWORKS).concat(),
            reader.many(&table::DENY_NETWORKS).concat(),
        ),
        clients: clients::read(&mut reader),
        log: LogSettings {
            format: reader.get(&table::LOG_FORMAT),
            level: reader.get(&table::LOG_LEVEL),
        },
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

fn tls(reader: &mut Reader) -> Option<TlsFiles> {
    let (cert, private) = (&table::TLS_CERT_FILE, &table::TLS_KEY_FILE);
    match (reader.given(cert), reader.given(private)) {
        (true, false) => reader.mistake(private, "must be set, because tls_cert_file is"),
        (false, true) => reader.mistake(cert, "must be set, because tls_key_file is"),
        _ => {}
    }
    let (cert, key) = (reader.one(cert), reader.one(private));
    Some(TlsFiles {
        cert: cert?,
        key: key?,
    })
}

fn boot_networks(reader: &mut Reader) -> Vec<Network> {
    let networks = reader.many(&table::BOOT_NETWORKS).concat();
    if networks.is_empty() && reader.given(&table::BOOT_LISTEN) {
        let warning = "boot_networks is empty, so that boot_listen serves signed links only: set the networks of the machines that boot";
        reader.warn(warning.to_owned());
    }
    networks
}

/// Reads where boot files are kept, if any are served.
fn boot_cache(reader: &mut Reader, state_dir: Option<&PathBuf>) -> Option<CacheSettings> {
    let directory = if reader.given(&table::BOOT_CACHE) {
        reader.one(&table::BOOT_CACHE)
    } else {
        state_dir.map(|dir| dir.join(directories::BOOT_CACHE))
    };
    let bytes = reader.get(&table::BOOT_CACHE_BYTES);
    let pinned = reader.many(&table::BOOT_PINNED);
    let cache = CacheSettings {
        directory: directory?,
        bytes: bytes?,
        pinned,
    };
    reader.given(&table::BOOT_LISTEN).then_some(cache)
}

fn state_dir(reader: &mut Reader) -> Option<PathBuf> {
    if reader.given(&table::STATE_DIR) {
        return reader.one(&table::STATE_DIR);
    }
    let found = directories::default_state_dir();
    found.map_err(|why| reader.mistake(&table::STATE_DIR, &why)).ok()
}

fn mount_dir(reader: &mut Reader, state_dir: Option<&PathBuf>) -> Option<PathBuf> {
    if reader.given(&table::MOUNT_DIR) {
        return reader.one(&table::MOUNT_DIR);
    }
    state_dir.map(|dir| dir.join(directories::MOUNTS))
}

/// Reads the deadlines of a mount and of a test. They nest, as the backends want them to.
fn deadlines(reader: &mut Reader) -> (Duration, Duration) {
    let (mount, test) = (
        reader.one(&table::MOUNT_DEADLINE),
        reader.one(&table::TEST_DEADLINE),
    );
    let nested = mount
        .zip(test)
        .map(|(mount, test)| BackendSettings::check_test_deadline(test, mount));
    let checked = [mount.map(BackendSettings::check_mount_deadline), nested];
    for error in checked.into_iter().flatten().filter_map(Result::err) {
        reader.mistake(key_of(&error), &error.rule());
    }
    (mount.unwrap_or_default(), test.unwrap_or_default())
}

/// Returns the key of what the backends don't take.
fn key_of(error: &SettingsError) -> &'static Key {
    match error {
        SettingsError::MountDeadline { .. } => &table::MOUNT_DEADLINE.key,
        SettingsError::TestDeadline { .. } => &table::TEST_DEADLINE.key,
        SettingsError::MountDir { .. } => &table::MOUNT_DIR.key,
    }
}

#[cfg(test)]
mod tests;
