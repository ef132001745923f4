//! The kinds of storage, and the config of a backend of any kind.
//!
//! A new kind is a module below this one, and a line of `kinds!`.

pub mod http;
pub mod iscsi;
pub mod nfs;
pub mod s3;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use self::http::HttpConfig;
use self::iscsi::IscsiConfig;
use self::nfs::NfsConfig;
use self::s3::S3Config;
use crate::fields::{Declared, Field, View, members, parse};
use crate::invalid::{Invalid, InvalidInput, Rule};
use crate::secret::Secret;
use crate::string_enum::string_enum;

/// Declares the kinds: a line each, as `Kind(Config) = "word"`.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($config:ty) = $word:literal,)+) => {
        string_enum! {
            /// The kind of storage that a backend is.
            BackendKind { $($(#[$doc])* $kind = $word,)+ }
        }

        /// The config of a backend, by kind.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum BackendConfig {
            $($(#[$doc])* $kind($config),)+
        }

        impl BackendKind {
            /// Returns the kind's facts.
            pub const fn facts(self) -> &'static KindFacts {
                match self {
                    $(Self::$kind => &<$config as Kind>::FACTS,)+
                }
            }
        }

        impl BackendConfig {
            /// Reads the config of a backend of this kind.
            ///
            /// # Errors
            /// Every mistake of the config, at its pointer below `/config`.
            pub fn parse(kind: BackendKind, members: &Map<String, Value>) -> Result<Self, InvalidInput> {
                match kind {
                    $(BackendKind::$kind => parse(POINTER, members).map(Self::$kind),)+
                }
            }

            /// Returns the kind of storage.
            pub const fn kind(&self) -> BackendKind {
                match self {
                    $(Self::$kind(_) => BackendKind::$kind,)+
                }
            }

            fn values(&self) -> Vec<(&'static str, View<'_>)> {
                match self {
                    $(Self::$kind(config) => config.values(),)+
                }
            }

            /// Returns where its secrets are sent, in a form that can be compared.
            pub fn destination(&self) -> String {
                match self {
                    $(Self::$kind(config) => config.destination(),)+
                }
            }
        }
    };
}

kinds! {
    /// An NFS export (RFC 1813, RFC 7530, RFC 8881).
    Nfs(NfsConfig) = "nfs",
    /// A web server's directory (RFC 9110).
    Http(HttpConfig) = "http",
    /// An S3 bucket.
    S3(S3Config) = "s3",
    /// An iSCSI target (RFC 7143).
    Iscsi(IscsiConfig) = "iscsi",
}

/// A kind's facts, as data.
#[derive(Debug)]
pub struct KindFacts {
    /// The prefix of its schemas' names, such as `Nfs`.
    pub title: &'static str,
    /// What a backend of it is, with its article: "an NFS export".
    pub noun: &'static str,
    /// The fields of its config.
    pub fields: &'static [Field],
    /// A config as an example, a JSON object.
    pub example: &'static str,
    /// Whether its backends are mounted on the host.
    pub is_mounted: bool,
    /// Whether its backends hold files.
    pub has_files: bool,
}

/// What a kind adds to the fields of its config.
pub(crate) trait Kind: Declared {
    /// Its facts.
    const FACTS: KindFacts;

    /// Returns where the secrets of a config are sent, in a form that can be compared.
    fn destination(&self) -> String;
}

impl BackendKind {
    /// Returns the fields of its config, in the order in which they are documented.
    pub const fn fields(self) -> &'static [Field] {
        self.facts().fields
    }

    /// Returns the names of the fields that hold secrets.
    pub fn secret_fields(self) -> impl Iterator<Item = &'static str> {
        let secrets = self.fields().iter().filter(|field| field.is_secret());
        secrets.map(|field| field.name)
    }

    /// Returns the members of a config that is valid, as an example.
    pub fn example(self) -> Map<String, Value> {
        serde_json::from_str(self.facts().example).unwrap_or_default()
    }
}

/// Where a config stands in a request's body.
const POINTER: &str = "/config";

impl BackendConfig {
    /// Returns the names of the fields that hold secrets, of all kinds.
    pub fn secret_fields() -> impl Iterator<Item = &'static str> {
        BackendKind::ALL.iter().flat_map(|kind| kind.secret_fields())
    }

    /// Merges a change into this config, key by key, and validates the result.
    ///
    /// A key that is absent keeps its value; `null` clears it; a secret that is empty stays as it is.
    ///
    /// # Errors
    /// Every mistake of the result, and a secret that would go to another host without being sent again.
    pub fn merge(&self, change: &Map<String, Value>) -> Result<Self, InvalidInput> {
        self.complete(self.stored(), change)
    }

    /// Reads a config of the same kind, whose secrets that are absent or empty are those of this one.
    ///
    /// # Errors
    /// Those of [`Self::merge`].
    pub fn lend_secrets(&self, members: &Map<String, Value>) -> Result<Self, InvalidInput> {
        let mut secrets = self.stored();
        secrets.retain(|key, _| self.is_secret(key));
        self.complete(secrets, members)
    }

    fn is_secret(&self, key: &str) -> bool {
        self.kind().secret_fields().any(|field| field == key)
    }

    /// Puts a change over `members`, which hold this config's secrets.
    fn complete(
        &self,
        mut members: Map<String, Value>,
        change: &Map<String, Value>,
    ) -> Result<Self, InvalidInput> {
        let is_kept = |key: &str| match change.get(key) {
            None => true,
            Some(value) => value.as_str() == Some("") && self.is_secret(key),
        };
        for (key, value) in change.iter().filter(|(key, _)| !is_kept(key)) {
            members.insert(key.clone(), value.clone());
        }
        let merged = Self::parse(self.kind(), &members)?;
        let travels = self.destination() != merged.destination();
        let kept = self.secrets().into_iter().map(|(field, _)| field);
        let kept = kept.filter(|field| travels && is_kept(field));
        let rule = Rule::new("has to be sent again, because the host that it would be sent to has changed");
        InvalidInput::check(kept.map(|field| Invalid::at(POINTER, field, &rule)).collect())?;
        Ok(merged)
    }

    /// Returns the config as it is shown, to be serialized without a copy.
    pub fn as_shown(&self) -> ShownConfig<'_> {
        ShownConfig(self)
    }

    /// Returns the config as it is shown: without secrets.
    pub fn shown(&self) -> Map<String, Value> {
        members(self.values(), false)
    }

    /// Returns the config with its secrets.
    pub fn stored(&self) -> Map<String, Value> {
        members(self.values(), true)
    }

    /// Returns the secrets that are set, each with its field; [`Self::stored`] is [`Self::shown`] and these.
    pub fn secrets(&self) -> Vec<(&'static str, &Secret)> {
        let secret = |(name, view)| match view {
            View::Secret(secret) => Some((name, secret)),
            _ => None,
        };
        self.values().into_iter().filter_map(secret).collect()
    }
}

/// A config that serializes without its secrets.
#[derive(Debug, Clone, Copy)]
pub struct ShownConfig<'a>(&'a BackendConfig);

impl Serialize for ShownConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.0.values().into_iter();
        serializer.collect_map(values.filter(|(_, view)| view.is_member(false)))
    }
}
