//! The table of settings.

mod names;
mod table;

pub(crate) use self::names::*;
pub(crate) use self::table::KEYS;

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// Several values: a flag may be repeated, commas part them, the file takes an array.
    Many,
    /// True or false; the flag without a value sets what is named here.
    Switch {
        /// The flag's name.
        flag: &'static str,
        /// What it sets.
        sets: &'static str,
    },
    /// One word; the flag without a value sets what is named here.
    Word {
        /// The flag's name.
        flag: &'static str,
        /// What it sets.
        sets: &'static str,
    },
}

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) kind: Kind,
    /// What `--help` puts in place of the value.
    pub(crate) value: &'static str,
    /// The default as it is parsed; `None` where it depends on the host (then `default_help` tells it).
    pub(crate) default: Option<&'static str>,
    /// The default as it is told.
    pub(crate) default_help: &'static str,
    /// What it does, one sentence without its full stop.
    pub(crate) help: &'static str,
}

const fn one(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        kind: Kind::One,
        value,
        default: Some(default),
        default_help: default,
        help,
    }
}

const fn on_host(
    name: &'static str,
    value: &'static str,
    default_help: &'static str,
    help: &'static str,
) -> Key {
    Key {
        name,
        kind: Kind::One,
        value,
        default: None,
        default_help,
        help,
    }
}

const fn many(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        kind: Kind::Many,
        ..one(name, value, default, help)
    }
}

/// Several values, or none.
const fn any(name: &'static str, value: &'static str, help: &'static str) -> Key {
    Key {
        kind: Kind::Many,
        ..on_host(name, value, NONE, help)
    }
}

const fn switch(
    name: &'static str,
    default: &'static str,
    flag: &'static str,
    sets: &'static str,
    help: &'static str,
) -> Key {
    Key {
        kind: Kind::Switch { flag, sets },
        ..one(name, "true|false", default, help)
    }
}

/// The setting of this name; every name comes from a constant of this module.
pub(crate) fn key(name: &'static str) -> &'static Key {
    match find(name) {
        Some(key) => key,
        None => &KEYS[0],
    }
}

/// The setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}

impl Key {
    /// The flag's name, without its hyphens.
    pub(crate) fn flag(&self) -> String {
        match self.kind {
            Kind::Switch { flag, .. } | Kind::Word { flag, .. } => flag.to_owned(),
            Kind::One | Kind::Many => self.name.replace('_', "-"),
        }
    }

    /// The environment variable's name.
    pub(crate) fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// Whether the value may hold a secret, and is never shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.name == DATABASE_URL
    }
}
