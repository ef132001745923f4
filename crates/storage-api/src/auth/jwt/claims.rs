//! The claims of a JSON Web Token whose signature is right.

use serde_json::Value;
use storage_domain::Role;
use storage_domain::access::{Actor, How};
use time::{Duration, OffsetDateTime};

use super::{JwtSettings, Refusal};

const NOT_YET: &str =
    "The JSON Web Token is not valid yet; compare the clocks of its issuer and of this service";
const NO_END: &str = "The JSON Web Token has no time at which it ends (exp); ask its issuer for one that has";
const ISSUER: &str =
    "The JSON Web Token is of another issuer than the one that is configured here (jwt_issuer)";
const AUDIENCE: &str =
    "The JSON Web Token is for another audience than the one that is configured here (jwt_audience)";
const SUBJECT: &str =
    "The JSON Web Token does not say in plain text whose it is (sub); ask its issuer for one that does";

/// Returns whose the token is, and until when.
pub(super) fn judge(
    payload: &[u8],
    settings: &JwtSettings,
    now: OffsetDateTime,
) -> Result<(Actor, OffsetDateTime), Refusal> {
    let claims: Value = serde_json::from_slice(payload).map_err(|_| Refusal::Malformed)?;
    let leeway = Duration::try_from(JwtSettings::LEEWAY).unwrap_or(Duration::ZERO);
    let end = time(&claims, "exp")?.ok_or(Refusal::Claims(NO_END))?;
    let until = end.saturating_add(leeway);
    if until <= now {
        return Err(Refusal::Expired);
    }
    if time(&claims, "nbf")?.is_some_and(|begin| begin.saturating_sub(leeway) > now) {
        return Err(Refusal::Claims(NOT_YET));
    }
    if let Some(issuer) = &settings.issuer
        && claims["iss"].as_str() != Some(issuer)
    {
        return Err(Refusal::Claims(ISSUER));
    }
    if let Some(audience) = &settings.audience
        && !words(&claims["aud"]).any(|word| word == audience)
    {
        return Err(Refusal::Claims(AUDIENCE));
    }
    let name = claims["sub"].as_str().filter(|name| is_name(name));
    let name = name.ok_or(Refusal::Claims(SUBJECT))?.to_owned();
    let role = role(&claims, settings).ok_or_else(|| Refusal::NoRole(settings.role_claim.clone()))?;
    let how = How::Jwt;
    let actor = Actor {
        name,
        role,
        how,
        until: Some(until),
    };
    Ok((actor, until))
}

/// Seconds since 1970, fractions allowed (RFC 7519, section 2).
fn time(claims: &Value, name: &str) -> Result<Option<OffsetDateTime>, Refusal> {
    let value = match claims.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_f64().filter(|seconds| seconds.is_finite()),
    };
    let seconds = value.ok_or(Refusal::Malformed)?;
    let end_of_time = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::saturating_seconds_f64(seconds));
    Ok(Some(end_of_time))
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty()
        && name.chars().count() <= Actor::MAX_NAME_CHARS
        && !name.chars().any(char::is_control)
}

/// The highest role that the claim names.
fn role(claims: &Value, settings: &JwtSettings) -> Option<Role> {
    let claim = settings.role_claim.as_str();
    let claim = if claim.starts_with('/') {
        claims.pointer(claim)?
    } else {
        claims.get(claim)?
    };
    let is_named =
        |word: &str| words(claim).any(|text| text == word || text.split(' ').any(|part| part == word));
    let named = settings.roles.iter().filter(|(word, _)| is_named(word));
    named
        .map(|(_, role)| *role)
        .reduce(|best, role| if role.may(best) { role } else { best })
}

/// One text, or the texts of a list.
fn words(value: &Value) -> impl Iterator<Item = &str> {
    let (one, many) = match value {
        Value::String(text) => (Some(text.as_str()), None),
        Value::Array(items) => (None, Some(items)),
        _ => (None, None),
    };
    one.into_iter()
        .chain(many.into_iter().flatten().filter_map(Value::as_str))
}
