//! The settings of JSON Web Tokens.

use storage_api::JwtSettings;
use storage_domain::{Role, Rule};

use super::reader::Reader;
use super::table;

/// What was set; `None` where neither file of keys is.
pub(super) fn read(reader: &mut Reader) -> Option<JwtSettings> {
    let settings = JwtSettings {
        hs256_secret_file: reader.one(&table::JWT_HS256_SECRET_FILE),
        jwks_file: reader.one(&table::JWT_JWKS_FILE),
        issuer: reader.one(&table::JWT_ISSUER),
        audience: reader.one(&table::JWT_AUDIENCE),
        role_claim: reader.get(&table::JWT_ROLE_CLAIM),
        roles: reader.many(&table::JWT_ROLES),
    };
    let accepts = settings.hs256_secret_file.is_some() || settings.jwks_file.is_some();
    for setting in [&table::JWT_ISSUER, &table::JWT_AUDIENCE] {
        if reader.given(setting) && !accepts {
            reader.mistake(
                setting,
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

/// Reads a word and the role that it means.
pub(super) fn role(text: &str) -> Result<(String, Role), String> {
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
