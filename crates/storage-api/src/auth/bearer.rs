//! Bearer tokens in requests, and how they are refused (RFC 6750).

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use storage_domain::Role;
use storage_domain::access::{Actor, Token};

use crate::error::ApiError;
use crate::problem::{Code, Problem};

/// What is asked for, in every refusal.
const REALM: &str = "Bearer realm=\"pureboot-storage\"";
const FIELD: &str = "www-authenticate";

/// What a client sent to show who it is. It has no `Debug`: whatever was sent may be a secret.
pub(crate) enum Credentials<'a> {
    /// An access token, by its form.
    Token(Token),
    /// Something else after `Bearer`.
    Other(&'a str),
}

impl<'a> Credentials<'a> {
    /// What stands in `Authorization`; nothing of it is ever repeated.
    ///
    /// # Errors
    /// 401 where there is nothing, or something that is no bearer token.
    pub(crate) fn of(request: &'a HttpRequest) -> Result<Self, ApiError> {
        let mut fields = request.headers().get_all(AUTHORIZATION);
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return Err(missing(request));
        };
        let field = field.to_str().unwrap_or_default();
        let (scheme, token) = field.split_once(' ').unwrap_or((field, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing(request));
        }
        let token = token.trim();
        Ok(Token::parse(token).map_or(Self::Other(token), Self::Token))
    }
}

fn missing(request: &HttpRequest) -> ApiError {
    let detail = if request.headers().contains_key(AUTHORIZATION) {
        "Send one Authorization header of the form: Bearer TOKEN"
    } else {
        "Send a token in the header Authorization: Bearer TOKEN; pureboot-storage token create makes one"
    };
    Problem::new(Code::Unauthorized, detail)
        .with_header(FIELD, REALM)
        .into()
}

/// It is no token of this service, or no longer.
pub(crate) fn invalid() -> ApiError {
    refused(
        Code::InvalidToken,
        "The token is not known here, or was revoked; make another one with pureboot-storage token create",
    )
}

/// Its time is over.
pub(crate) fn expired() -> ApiError {
    refused(
        Code::TokenExpired,
        "The token has expired; make another one with pureboot-storage token create",
    )
}

/// A token that is refused.
pub(crate) fn refused(code: Code, detail: impl Into<String>) -> ApiError {
    let challenge = format!("{REALM}, error=\"invalid_token\"");
    Problem::new(code, detail).with_header(FIELD, challenge).into()
}

/// The role does not suffice.
pub(crate) fn forbidden(actor: &Actor, needed: Role) -> ApiError {
    let detail = format!(
        "This needs the role {needed}, and the token has the role {}; use another token",
        actor.role
    );
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{needed}\"");
    Problem::new(Code::Forbidden, detail)
        .with_header(FIELD, challenge)
        .into()
}

/// A JSON Web Token that is right and names no role.
pub(crate) fn without_role(claim: &str) -> ApiError {
    let detail = format!(
        "The JSON Web Token has no role here: its claim {claim} names none of those in jwt_roles; ask its issuer for one that does"
    );
    let challenge = format!("{REALM}, error=\"insufficient_scope\"");
    Problem::new(Code::Forbidden, detail)
        .with_header(FIELD, challenge)
        .into()
}
