//! Signatures, version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, HeaderName};
use storage_domain::Secret;
use storage_domain::s3::Identifier;

use crate::web::Error;

/// The header of a session token.
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// How the ids of temporary keys begin: those of AWS, and of Alibaba Cloud.
const TEMPORARY: [&str; 2] = ["ASIA", "STS."];
/// The shortest secret of a server that makes its keys itself; shorter ones are words.
const MIN_SECRET: usize = 8;

/// An access key, its secret and its session token; `Debug` shows the id alone.
#[derive(Debug, Clone)]
pub(crate) struct Key(Credentials);

impl Key {
    pub(crate) fn new(id: &Identifier, secret: &Secret, token: Option<&Secret>) -> Self {
        let token = token.map(|token| token.expose().to_owned());
        Self(Credentials::new(
            id.as_str(),
            secret.expose(),
            token,
            None,
            "config",
        ))
    }

    /// Returns whether the key comes with a session token.
    pub(crate) fn has_token(&self) -> bool {
        self.0.session_token().is_some()
    }

    /// Returns whether it is a temporary key without its session token.
    pub(crate) fn lacks_token(&self) -> bool {
        let id = self.0.access_key_id();
        !self.has_token() && TEMPORARY.iter().any(|begin| id.starts_with(begin))
    }

    /// Returns whether the id has a slash, which is frequent in secrets and in no id that a server makes.
    pub(crate) fn has_slash(&self) -> bool {
        self.0.access_key_id().contains('/')
    }

    /// Returns whether the id looks like a secret and the secret like an id: servers make ids shorter than secrets.
    pub(crate) fn looks_swapped(&self) -> bool {
        let (id, secret) = (self.0.access_key_id(), self.0.secret_access_key());
        self.has_slash() || (secret.len() >= 16 && id.len() > secret.len())
    }

    /// Blots out the secrets in a server's words, and the id if it may be one.
    pub(crate) fn redact(&self, words: &str) -> String {
        let secrets = [
            Some(self.0.secret_access_key()),
            self.0.session_token(),
            Some(self.0.access_key_id()).filter(|_| self.looks_swapped()),
        ];
        let long = secrets
            .into_iter()
            .flatten()
            .filter(|secret| secret.len() >= MIN_SECRET);
        long.fold(words.to_owned(), |words, secret| words.replace(secret, "…"))
    }

    /// Signs a request and what `payload` says of its body, for S3.
    pub(crate) fn sign(
        &self,
        region: &str,
        at: SystemTime,
        payload: SignableBody<'_>,
        request: &mut Request<Full<Bytes>>,
    ) -> Result<(), Error> {
        // S3's paths are signed as they are sent: neither encoded once more nor made shorter.
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        self.sign_for(("s3", region), settings, at, payload, request)
    }

    fn sign_for(
        &self,
        (service, region): (&str, &str),
        settings: SigningSettings,
        at: SystemTime,
        payload: SignableBody<'_>,
        request: &mut Request<Full<Bytes>>,
    ) -> Result<(), Error> {
        let identity = self.0.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(at)
            .settings(settings)
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let uri = request.uri().to_string();
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(request.method().as_str(), &uri, headers, payload)
            .map_err(|error| unsigned(&error))?;
        let (signed, _) = sign(signable, &params)
            .map_err(|error| unsigned(&error))?
            .into_parts();
        signed.apply_to_request_http1x(request);
        for name in [AUTHORIZATION, SESSION_TOKEN] {
            if let Some(value) = request.headers_mut().get_mut(name) {
                value.set_sensitive(true);
            }
        }
        Ok(())
    }
}

fn unsigned(error: &dyn std::error::Error) -> Error {
    Error::Other(format!("it could not be signed ({error})"))
}

#[cfg(test)]
mod tests;
