//! The settings of JSON Web Tokens.

use storage_api::JwtSettings;
use storage_domain::{Role, Rule};

use super::keys::{self, key};
use super::reader::Reader;
use super::values;

/// What was set; `None` where neither file of keys is.
pub(super) fn read(reader: &mut Reader) -> Option<JwtSettings> {
    let settings = JwtSettings {
        hs256_secret_file: reader.one(key(keys::JWT_HS256_SECRET_FILE), values::absolute_path),
        jwks_file: reader.one(key(keys::JWT_JWKS_FILE), values::absolute_path),
        issuer: reader.one(key(keys::JWT_ISSUER), text),
        audience: reader.one(key(keys::JWT_AUDIENCE), text),
        role_claim: reader.one(key(keys::JWT_ROLE_CLAIM), text).unwrap_or_default(),
        roles: reader.many(key(keys::JWT_ROLES), role).unwrap_or_default(),
    };
    let accepts = settings.hs256_secret_file.is_some() || settings.jwks_file.is_some();
    for name in [keys::JWT_ISSUER, keys::JWT_AUDIENCE] {
        if reader.given(key(name)) && !accepts {
            reader.mistake(
                key(name),
                "must go along with jwt_hs256_secret_file or jwt_jwks_file",
            );
        }
    }
    if accepts && settings.audience.is_none() {
        reader.warn(
            "jwt_audience is not set: JSON Web Tokens that were issued for other services are accepted here too"
                .to_owned(),
        );
    }
    accepts.then_some(settings)
}

fn text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("must be a text that is not blank".to_owned());
    }
    Ok(text.to_owned())
}

fn role(text: &str) -> Result<(String, Role), String> {
    let form = || "must be a word and its role, such as pureboot-admin=admin".to_owned();
    let (word, named) = text.rsplit_once('=').ok_or_else(form)?;
    let role: Role = named
        .parse()
        .map_err(|rule: Rule| format!("must end in a role, which {rule}"))?;
    if word.is_empty() {
        return Err(form());
    }
    Ok((word.to_owned(), role))
}
