//! The kinds of storage, and the config of a backend of any kind.
//!
//! A new kind is a module below this one, and a line in each list of this file.

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

string_enum! {
    /// The kind of storage that a backend is.
    BackendKind {
        /// An NFS export (RFC 1813, RFC 7530, RFC 8881).
        Nfs = "nfs",
        /// A web server's directory (RFC 9110).
        Http = "http",
        /// An S3 bucket.
        S3 = "s3",
        /// An iSCSI target (RFC 7143).
        Iscsi = "iscsi",
    }
}

/// The config of a backend, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendConfig {
    /// An NFS export.
    Nfs(NfsConfig),
    /// A web server's directory.
    Http(HttpConfig),
    /// An S3 bucket.
    S3(S3Config),
    /// An iSCSI target.
    Iscsi(IscsiConfig),
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
}

impl BackendKind {
    /// Returns the kind's facts.
    pub const fn facts(self) -> &'static KindFacts {
        match self {
            Self::Nfs => &NfsConfig::FACTS,
            Self::Http => &HttpConfig::FACTS,
            Self::S3 => &S3Config::FACTS,
            Self::Iscsi => &IscsiConfig::FACTS,
        }
    }

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

    /// Reads the config of a backend of this kind.
    ///
    /// # Errors
    /// Every mistake of the config, at its pointer below `/config`.
    pub fn parse(kind: BackendKind, members: &Map<String, Value>) -> Result<Self, InvalidInput> {
        match kind {
            BackendKind::Nfs => parse(POINTER, members).map(Self::Nfs),
            BackendKind::Http => parse(POINTER, members).map(Self::Http),
            BackendKind::S3 => parse(POINTER, members).map(Self::S3),
            BackendKind::Iscsi => parse(POINTER, members).map(Self::Iscsi),
        }
    }

    /// Returns the kind of storage.
    pub const fn kind(&self) -> BackendKind {
        match self {
            Self::Nfs(_) => BackendKind::Nfs,
            Self::Http(_) => BackendKind::Http,
            Self::S3(_) => BackendKind::S3,
            Self::Iscsi(_) => BackendKind::Iscsi,
        }
    }

    fn values(&self) -> Vec<(&'static str, View<'_>)> {
        match self {
            Self::Nfs(nfs) => nfs.values(),
            Self::Http(http) => http.values(),
            Self::S3(s3) => s3.values(),
            Self::Iscsi(iscsi) => iscsi.values(),
        }
    }

    /// Returns where its secrets are sent, in a form that can be compared.
    fn destination(&self) -> String {
        match self {
            Self::Nfs(nfs) => nfs.server.bare(),
            Self::Http(http) => http.base_url.origin(),
            Self::S3(s3) => s3.endpoint.url().origin(),
            Self::Iscsi(iscsi) => iscsi.target.bare(),
        }
    }

    /// Merges a change into this config, key by key, and validates the result.
    ///
    /// A key that is absent keeps its value; `null` clears it; a secret that is empty stays as it is.
    ///
    /// # Errors
    /// Every mistake of the result, and a secret that would go to another host without being sent again.
    pub fn merge(&self, change: &Map<String, Value>) -> Result<Self, InvalidInput> {
        let kind = self.kind();
        let is_secret = |key: &str| kind.secret_fields().any(|field| field == key);
        let is_kept = |key: &str| match change.get(key) {
            None => true,
            Some(value) => value.as_str() == Some("") && is_secret(key),
        };
        let mut members = self.stored();
        for (key, value) in change.iter().filter(|(key, _)| !is_kept(key)) {
            members.insert(key.clone(), value.clone());
        }
        let merged = Self::parse(kind, &members)?;
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
