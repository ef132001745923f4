//! Signed links: a download that needs no header field.
//!
//! A link names its backend, path, end and maker, and is signed over all of them. The maker's token is looked up at each
//! use, so that a link dies with it. Of a JSON Web Token only the end is known: a link lasts no longer.

mod boot;

use std::fmt;

use actix_web::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use storage_domain::access::{Actor, How, TokenId};
use storage_domain::{BackendId, FilePath};
use time::OffsetDateTime;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::error::ApiError;
use crate::problem::Code;

use super::bearer;
pub(crate) use boot::{BootToken, ENCODED_PATH};

/// Separates a signature from every other use of its key.
const PURPOSE: &str = "pureboot-storage link v1: download";
/// The parameter that makes a request one by a link.
const SIGNATURE: &str = "signature";

/// A key of links.
type LinkKey = Zeroizing<[u8; 32]>;

/// The keys of links, the present one first.
pub(crate) type LinkKeys = Vec<LinkKey>;

/// Who made a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Maker {
    /// A client with this token.
    Token(TokenId),
    /// A client with a JSON Web Token of this subject.
    Jwt(String),
    /// A client of a service that required no token.
    Open,
}

/// A link, as it was signed or came with a request.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    backend: BackendId,
    path: String,
    pub(crate) expires: i64,
    pub(crate) maker: Maker,
}

/// A link that came with a request, and its signature. It has no `Debug`: the signature is as good as a token.
pub(crate) struct SignedLink {
    link: Link,
    signature: Vec<u8>,
}

impl Maker {
    pub(crate) fn of(actor: &Actor) -> Self {
        match &actor.how {
            How::Token(id) => Self::Token(id.clone()),
            How::Jwt => Self::Jwt(actor.name.clone()),
            How::Open | How::Cli => Self::Open,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once('.') {
            Some(("token", id)) => id.parse().ok().map(Self::Token),
            Some(("jwt", name)) => Some(Self::Jwt(name.to_owned())),
            _ => (text == "open").then_some(Self::Open),
        }
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token.{id}"),
            Self::Jwt(name) => write!(f, "jwt.{name}"),
            Self::Open => f.write_str("open"),
        }
    }
}

impl Link {
    pub(crate) fn new(backend: BackendId, path: &FilePath, expires: OffsetDateTime, maker: Maker) -> Self {
        Self {
            backend,
            path: path.as_str().to_owned(),
            expires: expires.unix_timestamp(),
            maker,
        }
    }

    /// Returns the relative URL, signed with the present key.
    ///
    /// # Errors
    /// There is no key.
    pub(crate) fn url(&self, keys: &LinkKeys) -> Result<String, ApiError> {
        let signature = hmac::sign(&hmac_key(present(keys)?), self.signed_text().as_bytes());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("path", &self.path)
            .append_pair("expires", &self.expires.to_string())
            .append_pair("maker", &self.maker.to_string())
            .append_pair(SIGNATURE, &URL_SAFE_NO_PAD.encode(signature))
            .finish();
        Ok(format!(
            "/api/v1/storage/backends/{}/files/download?{query}",
            self.backend
        ))
    }

    /// Returns the link if its time is not over.
    fn until(self, now: OffsetDateTime) -> Result<Self, ApiError> {
        if self.expires <= now.unix_timestamp() {
            let detail = "The link has expired; make another one";
            return Err(bearer::refused(Code::TokenExpired, detail));
        }
        Ok(self)
    }

    /// Returns what is signed. Only the maker, at the end, may hold the character between the parts.
    fn signed_text(&self) -> String {
        let Self {
            backend,
            path,
            expires,
            maker,
        } = self;
        format!("{PURPOSE}\0{backend}\0{path}\0{expires}\0{maker}")
    }
}

impl SignedLink {
    /// Reads the link of a request; `None` if it has no signature.
    ///
    /// # Errors
    /// 401 if there is a signature and anything else of a link is missing or malformed.
    pub(crate) fn of(request: &HttpRequest, backend: Option<BackendId>) -> Option<Result<Self, ApiError>> {
        let pairs: Vec<_> = form_urlencoded::parse(request.query_string().as_bytes()).collect();
        let get = |name: &str| {
            let mut values = pairs
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| &**value);
            values.next().filter(|_| values.next().is_none())
        };
        pairs.iter().any(|(key, _)| key == SIGNATURE).then(|| {
            let read = || {
                let path: FilePath = get("path")?.parse().ok()?;
                let link = Link {
                    backend: backend?,
                    path: path.as_str().to_owned(),
                    expires: get("expires")?.parse().ok()?,
                    maker: Maker::parse(get("maker")?)?,
                };
                let signature = URL_SAFE_NO_PAD.decode(get(SIGNATURE)?).ok()?;
                Some(Self { link, signature })
            };
            read().ok_or_else(invalid)
        })
    }

    /// Returns the link if one of the keys signed it and its time is not over.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn verify(self, keys: &LinkKeys, now: OffsetDateTime) -> Result<Link, ApiError> {
        let text = self.link.signed_text();
        let is_signed_by =
            |key: &LinkKey| hmac::verify(&hmac_key(key), text.as_bytes(), &self.signature).is_ok();
        if !keys.iter().any(is_signed_by) {
            return Err(invalid());
        }
        self.link.until(now)
    }
}

/// Returns the key that signs.
fn present(keys: &LinkKeys) -> Result<&LinkKey, ApiError> {
    let none = || ApiError::new(Code::Internal, "The service has no key to sign with; see its log");
    keys.first().ok_or_else(none)
}

fn hmac_key(key: &LinkKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &**key)
}

/// The error of a link that was changed, or whose maker may no longer use the service.
pub(crate) fn invalid() -> ApiError {
    let detail = "The link is not valid, or the token that made it is not; make another one";
    bearer::refused(Code::InvalidToken, detail)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn keys(bytes: &[u8]) -> LinkKeys {
        bytes.iter().map(|byte| Zeroizing::new([*byte; 32])).collect()
    }

    /// A key that is no longer the present one still verifies; a link ends in the second that it names.
    #[test]
    fn links_end_with_their_time_and_their_key() {
        let backend = BackendId::generate();
        let end = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        let path = "/a&b=c".parse().unwrap();
        let url = Link::new(backend, &path, end, Maker::Jwt("alice\0 & bob".to_owned()))
            .url(&keys(&[1]))
            .unwrap();
        let request = TestRequest::get().uri(&url).to_http_request();
        let verify = |by: &[u8], at| {
            let signed = SignedLink::of(&request, Some(backend)).unwrap()?;
            signed.verify(&keys(by), at).map(|link| link.maker)
        };
        let before = end - time::Duration::seconds(1);
        assert_eq!(
            verify(&[2, 1], before).unwrap(),
            Maker::Jwt("alice\0 & bob".to_owned())
        );
        assert_eq!(verify(&[2], before).unwrap_err().0.code, Code::InvalidToken);
        assert_eq!(verify(&[1], end).unwrap_err().0.code, Code::TokenExpired);
    }
}
