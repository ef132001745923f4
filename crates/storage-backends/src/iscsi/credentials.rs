//! What the config says about who we are, and what is missing in it.

use storage_domain::IscsiConfig;
use storage_domain::iscsi::{ChapCredentials, ChapName};

use crate::iscsi::chap::{Chap, Credentials};
use crate::iscsi::failure::Failure;

/// What the discovery session logs in with.
pub(crate) fn of_discovery(config: &IscsiConfig) -> Result<Option<Chap<'_>>, Failure> {
    let ChapCredentials { username, password } = &config.discovery_chap;
    let (name, secret) = ("discovery_chap_username", "discovery_chap_password");
    match (username, password) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => Ok(Some(Chap {
            own: Credentials {
                name: username.as_str(),
                secret: password,
            },
            target: None,
        })),
        (Some(_), None) => Err(Failure::HalfCredentials {
            present: name,
            missing: secret,
        }),
        (None, Some(_)) => Err(Failure::HalfCredentials {
            present: secret,
            missing: name,
        }),
    }
}

/// What a normal session logs in with.
pub(crate) fn of_session(config: &IscsiConfig) -> Result<Option<Chap<'_>>, Failure> {
    let mutual = &config.mutual_chap;
    if !config.chap_enabled {
        return match (&mutual.username, &mutual.password) {
            (None, None) => Ok(None),
            _ => Err(Failure::MutualAlone),
        };
    }
    let missing = |missing| Failure::NoCredentials { missing };
    let name = config
        .chap
        .username
        .as_ref()
        .ok_or_else(|| missing("chap_username"))?;
    let secret = config
        .chap
        .password
        .as_ref()
        .ok_or_else(|| missing("chap_password"))?;
    let target = match (&mutual.username, &mutual.password) {
        (_, Some(theirs)) if theirs == secret => return Err(Failure::SameSecrets),
        (name, Some(theirs)) => Some((name.as_ref().map(ChapName::as_str), theirs)),
        (Some(_), None) => {
            let (present, missing) = ("mutual_chap_username", "mutual_chap_password");
            return Err(Failure::HalfCredentials { present, missing });
        }
        (None, None) => None,
    };
    Ok(Some(Chap {
        own: Credentials {
            name: name.as_str(),
            secret,
        },
        target,
    }))
}
