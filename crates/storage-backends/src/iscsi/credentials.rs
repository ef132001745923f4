//! Credentials of a config, and what is missing in them.

use iscsi_initiator::{Chap, Mutual};
use storage_domain::iscsi::ChapName;
use storage_domain::{IscsiConfig, Secret};

/// Why the credentials of a config can't be used. Its text is a cause and a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("chap_enabled is true, and {missing} is not set. Set {missing}, or switch chap_enabled off")]
    NoCredentials { missing: &'static str },
    #[error("{present} is set, and {missing} is not. Set both or none")]
    Half {
        present: &'static str,
        missing: &'static str,
    },
    #[error(
        "The target can authenticate itself only where chap_enabled is true. Set it, with chap_username and chap_password"
    )]
    MutualAlone,
    #[error(
        "chap_password and mutual_chap_password are the same, so that anybody can pass as the target (RFC 7143). Use two different ones"
    )]
    SameSecrets,
}

/// Returns the credentials of the discovery session.
pub(crate) fn of_discovery(config: &IscsiConfig) -> Result<Option<Chap<'_>>, Unusable> {
    let (name, secret) = ("discovery_chap_username", "discovery_chap_password");
    match (&config.discovery_chap_username, &config.discovery_chap_password) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => Ok(Some(Chap {
            name: username.as_str(),
            secret: password.expose(),
            mutual: None,
        })),
        (Some(_), None) => Err(half(name, secret)),
        (None, Some(_)) => Err(half(secret, name)),
    }
}

/// Returns the credentials of a session with a target.
pub(crate) fn of_session(config: &IscsiConfig) -> Result<Option<Chap<'_>>, Unusable> {
    let (username, password) = (&config.mutual_chap_username, &config.mutual_chap_password);
    if !config.chap_enabled {
        return match (username, password) {
            (None, None) => Ok(None),
            _ => Err(Unusable::MutualAlone),
        };
    }
    let missing = |missing| Unusable::NoCredentials { missing };
    let name = config.chap_username.as_ref().ok_or(missing("chap_username"))?;
    let secret = config.chap_password.as_ref().ok_or(missing("chap_password"))?;
    if password.as_ref() == Some(secret) {
        return Err(Unusable::SameSecrets);
    }
    if username.is_some() && password.is_none() {
        return Err(half("mutual_chap_username", "mutual_chap_password"));
    }
    Ok(Some(Chap {
        name: name.as_str(),
        secret: secret.expose(),
        mutual: password.as_ref().map(|password| Mutual {
            name: username.as_ref().map(ChapName::as_str),
            secret: Secret::expose(password),
        }),
    }))
}

fn half(present: &'static str, missing: &'static str) -> Unusable {
    Unusable::Half { present, missing }
}
