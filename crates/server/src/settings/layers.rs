//! Where a setting's value comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::environment::Environment;
use super::file;
use super::mistakes::Mistakes;
use super::setting::{DEFAULT_FILE, ENV_PREFIX, FILE_ENV, Key, Kind, SECRET_KEY_ENV, SHARED_DATABASE_ENV};
use super::table::{DATABASE_URL, KEYS, find};

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On the command line.
    Flag,
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(PathBuf),
    /// Nowhere.
    Default,
}

/// A value, as text.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
}

/// What was set, by key; the first layer that sets a key wins.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    found: BTreeMap<&'static str, Found>,
    warnings: Vec<String>,
}

/// The argument that names the file.
const CONFIG: &str = "config";

/// Adds a flag for every setting, and `--config`.
pub(crate) fn with_flags(command: Command) -> Command {
    command
        .next_line_help(true)
        .arg(config_flag())
        .args(KEYS.iter().map(|key| flag(key)))
}

/// Adds flags for some settings, and `--config`: for commands that work on what the service has.
pub(crate) fn with_file_and_some_flags(command: Command, keys: &[&Key]) -> Command {
    with_some_flags(command.arg(config_flag()), keys)
}

fn config_flag() -> Arg {
    Arg::new(CONFIG).long(CONFIG).value_name("FILE").help(format!(
        "Reads settings from this TOML file [default: {DEFAULT_FILE}, if it exists] [env: {FILE_ENV}]"
    ))
}

/// Adds flags for some settings. A command without `--config` reads no file: whoever asks for a probe need not be
/// allowed to read the service's.
pub(crate) fn with_some_flags(command: Command, keys: &[&Key]) -> Command {
    command.args(keys.iter().map(|key| flag(key)))
}

fn flag(key: &Key) -> Arg {
    let effect = match key.kind {
        Kind::One | Kind::Many => format!("default: {}", key.default_help),
        Kind::Flag { sets, .. } => format!("sets {} to {sets}", key.name),
    };
    let help = format!("{} [{effect}] [env: {}]", key.help, key.env());
    let arg = Arg::new(key.name).long(key.flag()).help(help);
    match key.kind {
        Kind::One => arg.value_name(key.value),
        Kind::Many => arg.value_name(key.value).action(ArgAction::Append),
        Kind::Flag { .. } => arg.action(ArgAction::SetTrue),
    }
}

/// Whether a switch is there. A command need not have it: clap distinguishes an unknown name from an unset one
/// in debug builds only.
fn is_set(flags: &ArgMatches, name: &str) -> bool {
    matches!(flags.try_get_one::<bool>(name), Ok(Some(true)))
}

impl Layers {
    /// Reads flags, environment and, where `with_file` says so, the file.
    pub(crate) fn collect(flags: &ArgMatches, with_file: bool) -> (Self, Mistakes) {
        let mut mistakes = Mistakes::default();
        let mut layers = Self::default();
        let environment = Environment::of_process();
        layers.add_flags(flags);
        layers.add_environment(&environment, &mut mistakes);
        if with_file {
            let flag = flags.try_get_one::<String>(CONFIG).ok().flatten();
            let named = flag.or(environment.get(FILE_ENV)).map(PathBuf::from);
            match file::read(named) {
                Ok(Some((path, table))) => layers.add_file(&path, &table, &mut mistakes),
                Ok(None) => {}
                Err(mistake) => mistakes.add(mistake),
            }
        }
        (layers, mistakes)
    }

    /// Takes what the command line sets.
    fn add_flags(&mut self, flags: &ArgMatches) {
        for key in KEYS.iter().filter(|k| flags.try_contains_id(k.name).is_ok()) {
            let values: Vec<String> = match key.kind {
                Kind::Flag { sets, .. } if is_set(flags, key.name) => {
                    vec![sets.to_owned()]
                }
                Kind::Flag { .. } => continue,
                Kind::One | Kind::Many => flags.get_many(key.name).into_iter().flatten().cloned().collect(),
            };
            if !values.is_empty() {
                self.add(key, values, Origin::Flag);
            }
        }
    }

    /// Takes what the environment sets. A variable that nobody knows is only worth a warning: orchestrators set
    /// some by themselves (`PUREBOOT_STORAGE_SERVICE_HOST` for a service of this name).
    fn add_environment(&mut self, environment: &Environment, mistakes: &mut Mistakes) {
        for (name, value) in &environment.set {
            let key = match name.strip_prefix(ENV_PREFIX) {
                Some(rest) => find(&rest.to_ascii_lowercase()).filter(|k| k.env() == *name),
                None => None,
            };
            match key {
                Some(key) => self.add(key, vec![value.clone()], Origin::Env(name.clone())),
                None if [FILE_ENV, SHARED_DATABASE_ENV, SECRET_KEY_ENV].contains(&name.as_str()) => {}
                None => self
                    .warnings
                    .push(format!("{name} is set, and is not a setting of this service")),
            }
        }
        if let Some(url) = environment.get(SHARED_DATABASE_ENV) {
            let origin = Origin::Env(SHARED_DATABASE_ENV.to_owned());
            self.add(&DATABASE_URL, vec![url.clone()], origin);
        }
        for name in &environment.unreadable {
            mistakes.add(format!("{name} (environment) must be UTF-8 text"));
        }
    }

    /// Takes what the file sets.
    fn add_file(&mut self, path: &Path, table: &toml::Table, mistakes: &mut Mistakes) {
        for (name, value) in table {
            let Some(key) = find(name) else {
                let known: Vec<&str> = KEYS.iter().map(|k| k.name).collect();
                mistakes.add(format!(
                    "{name} (in {}) is not a setting; the settings are {}",
                    path.display(),
                    known.join(", ")
                ));
                continue;
            };
            match file::texts(key, value) {
                Ok(values) => self.add(key, values, Origin::File(path.to_owned())),
                Err(why) => mistakes.add(format!("{name} (in {}) {why}", path.display())),
            }
        }
    }

    /// What was set for a key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Found> {
        self.found.get(key.name)
    }

    /// Notes what is allowed, and worth a word in the log.
    pub(crate) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// What was noted.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn add(&mut self, key: &Key, values: Vec<String>, origin: Origin) {
        let values = match key.kind {
            Kind::Many => values
                .iter()
                .flat_map(|v| v.split(','))
                .map(|v| v.trim().to_owned())
                .collect(),
            Kind::One | Kind::Flag { .. } => values,
        };
        self.found.entry(key.name).or_insert(Found { values, origin });
    }
}
