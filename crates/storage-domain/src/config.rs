//! The settings of a backend of any kind.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::backend::BackendKind;
use crate::fields::{Fields, Members};
use crate::http::HttpConfig;
use crate::invalid::{Invalid, InvalidInput, Rule};
use crate::iscsi::IscsiConfig;
use crate::nfs::NfsConfig;
use crate::s3::S3Config;
use crate::secret::Secret;

/// The settings of a backend, by kind.
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

/// Where a config stands in a request's body.
const CONFIG_POINTER: &str = "/config";

impl BackendConfig {
    /// The fields that hold secrets, of all kinds.
    pub const SECRET_FIELDS: [&'static str; 5] = [
        "password",
        "secret_access_key",
        "chap_password",
        "mutual_chap_password",
        "discovery_chap_password",
    ];

    /// Reads the config of a backend of this kind.
    ///
    /// # Errors
    /// Every mistake of the config, at its pointer below `/config`.
    pub fn parse(kind: BackendKind, members: &Map<String, Value>) -> Result<Self, InvalidInput> {
        let mut fields = Fields::new(CONFIG_POINTER, members);
        let config = match kind {
            BackendKind::Nfs => NfsConfig::read(&mut fields).map(Self::Nfs),
            BackendKind::Http => HttpConfig::read(&mut fields).map(Self::Http),
            BackendKind::S3 => S3Config::read(&mut fields).map(Self::S3),
            BackendKind::Iscsi => IscsiConfig::read(&mut fields).map(Self::Iscsi),
        };
        fields.finish(kind.as_str())?;
        config.ok_or_else(|| {
            let detail = "config can't be read".to_owned();
            Invalid {
                pointer: CONFIG_POINTER.to_owned(),
                detail,
            }
            .into()
        })
    }

    /// Merges a change into this config, key by key, and validates the whole.
    ///
    /// A key that is absent keeps its value; `null` clears it; a secret that is empty stays as it is.
    ///
    /// # Errors
    /// Every mistake of the result, and a secret that would travel to another host without being sent again.
    pub fn merge(&self, change: &Map<String, Value>) -> Result<Self, InvalidInput> {
        let mut members = self.stored();
        let is_kept = |key: &str| match change.get(key) {
            None => true,
            Some(value) => Self::SECRET_FIELDS.contains(&key) && value.as_str() == Some(""),
        };
        for (key, value) in change.iter().filter(|(key, _)| !is_kept(key)) {
            members.insert(key.clone(), value.clone());
        }
        let merged = Self::parse(self.kind(), &members)?;
        let old_secrets = self.stored();
        let travels = self.destination() != merged.destination();
        let kept = Self::SECRET_FIELDS
            .iter()
            .filter(|f| travels && is_kept(f) && old_secrets.contains_key(**f));
        let rule = Rule::new("has to be sent again, because the host that it would be sent to has changed");
        InvalidInput::check(
            kept.map(|field| Invalid::at(CONFIG_POINTER, field, &rule))
                .collect(),
        )?;
        Ok(merged)
    }

    /// The kind of storage.
    pub fn kind(&self) -> BackendKind {
        match self {
            Self::Nfs(_) => BackendKind::Nfs,
            Self::Http(_) => BackendKind::Http,
            Self::S3(_) => BackendKind::S3,
            Self::Iscsi(_) => BackendKind::Iscsi,
        }
    }

    /// The config as it is shown, to be written at once.
    pub fn as_shown(&self) -> ShownConfig<'_> {
        ShownConfig(self)
    }

    /// The config as it is shown: without secrets.
    pub fn shown(&self) -> Map<String, Value> {
        self.members(false)
    }

    /// The config as it is stored: with secrets.
    pub fn stored(&self) -> Map<String, Value> {
        self.members(true)
    }

    /// The secrets that are set, each with its field; [`Self::stored`] is [`Self::shown`] and these.
    pub fn secrets(&self) -> Vec<(&'static str, &Secret)> {
        let fields: &[(&'static str, &Option<Secret>)] = match self {
            Self::Nfs(_) => &[],
            Self::Http(http) => &[("password", &http.password)],
            Self::S3(s3) => &[("secret_access_key", &s3.secret_access_key)],
            Self::Iscsi(iscsi) => &[
                ("chap_password", &iscsi.chap.password),
                ("mutual_chap_password", &iscsi.mutual_chap.password),
                ("discovery_chap_password", &iscsi.discovery_chap.password),
            ],
        };
        fields
            .iter()
            .filter_map(|(field, secret)| Some((*field, secret.as_ref()?)))
            .collect()
    }

    fn members(&self, secrets: bool) -> Map<String, Value> {
        match self.write(serde_json::value::Serializer, secrets) {
            Ok(Value::Object(members)) => members,
            other => unreachable!("texts, numbers and flags make an object: {:?}", other.err()),
        }
    }

    fn write<S: Serializer>(&self, serializer: S, secrets: bool) -> Result<S::Ok, S::Error> {
        let members = Members::new(serializer.serialize_map(None)?, secrets);
        match self {
            Self::Nfs(nfs) => nfs.write(members),
            Self::Http(http) => http.write(members),
            Self::S3(s3) => s3.write(members),
            Self::Iscsi(iscsi) => iscsi.write(members),
        }
    }

    /// Where secrets are sent, in a form that can be compared.
    fn destination(&self) -> String {
        match self {
            Self::Nfs(nfs) => nfs.server.bare(),
            Self::Http(http) => http.base_url.origin(),
            Self::S3(s3) => s3.endpoint.url().origin(),
            Self::Iscsi(iscsi) => iscsi.target.bare(),
        }
    }
}

/// A config that is written without its secrets, and without a copy of it.
#[derive(Debug, Clone, Copy)]
pub struct ShownConfig<'a>(&'a BackendConfig);

impl Serialize for ShownConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer, false)
    }
}
