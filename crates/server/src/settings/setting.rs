//! What a setting is: its name, how it is written, its default, its help, and the type of its values.

use std::ops::Deref;

/// Where the file lies that is read if none is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/pureboot-storage/config.toml";
/// Names the file.
pub(crate) const FILE_ENV: &str = "PUREBOOT_STORAGE_CONFIG";
/// Begins every environment variable of this service.
pub(crate) const ENV_PREFIX: &str = "PUREBOOT_STORAGE_";
/// Holds the keys of secrets themselves; no flag and no file does.
pub(crate) const SECRET_KEY_ENV: &str = "PUREBOOT_STORAGE_SECRET_KEY";
/// The variable for the database that other programs share.
pub(crate) const SHARED_DATABASE_ENV: &str = "DATABASE_URL";
/// The default of what is not set.
pub(crate) const NONE: &str = "none";

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// Several values: a flag may be repeated, commas part them, the file takes an array.
    Many,
    /// A flag without a value, which sets what is named here.
    Flag {
        /// The flag's name.
        name: &'static str,
        /// What it sets.
        sets: &'static str,
        /// Whether the file takes `true` and `false`; a word otherwise.
        is_bool: bool,
    },
}

/// A setting, whatever the type of its values.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) kind: Kind,
    /// What `--help` puts in place of the value.
    pub(crate) value: &'static str,
    /// The default as it is parsed; `None` if it depends on the host.
    pub(crate) default: Option<&'static str>,
    /// The default as it is shown.
    pub(crate) default_help: &'static str,
    /// What it does, one sentence without its full stop.
    pub(crate) help: &'static str,
    /// Whether the value may hold a secret, and is never shown.
    pub(crate) is_secret: bool,
}

impl Key {
    /// Returns the flag's name, without its hyphens.
    pub(crate) fn flag(&self) -> String {
        match self.kind {
            Kind::Flag { name, .. } => name.to_owned(),
            Kind::One | Kind::Many => self.name.replace('_', "-"),
        }
    }

    /// Returns the environment variable's name.
    pub(crate) fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.to_ascii_uppercase())
    }
}

/// A setting whose values have type `T`.
pub(crate) struct Setting<T> {
    pub(crate) key: Key,
    /// Reads one value; the error is a predicate whose subject is the key: "must be …".
    pub(crate) parse: fn(&str) -> Result<T, String>,
}

impl<T> Deref for Setting<T> {
    type Target = Key;

    fn deref(&self) -> &Key {
        &self.key
    }
}

impl<T> Setting<T> {
    /// Describes one value.
    pub(super) const fn one(
        name: &'static str,
        value: &'static str,
        default: &'static str,
        parse: fn(&str) -> Result<T, String>,
        help: &'static str,
    ) -> Self {
        let key = Key {
            name,
            kind: Kind::One,
            value,
            default: Some(default),
            default_help: default,
            help,
            is_secret: false,
        };
        Self { key, parse }
    }

    /// Describes one value whose default depends on the host, or that has none.
    pub(super) const fn on_host(
        name: &'static str,
        value: &'static str,
        default_help: &'static str,
        parse: fn(&str) -> Result<T, String>,
        help: &'static str,
    ) -> Self {
        let mut setting = Self::one(name, value, default_help, parse, help);
        setting.key.default = None;
        setting
    }

    /// Makes it a setting of several values.
    pub(super) const fn many(mut self) -> Self {
        self.key.kind = Kind::Many;
        self
    }

    /// Makes it a setting whose flag has no value.
    pub(super) const fn by_flag(mut self, name: &'static str, sets: &'static str, is_bool: bool) -> Self {
        self.key.kind = Kind::Flag { name, sets, is_bool };
        self
    }

    /// Keeps its value out of messages.
    pub(super) const fn secret(mut self) -> Self {
        self.key.is_secret = true;
        self
    }
}
