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
use hyper::header::AUTHORIZATION;
use storage_domain::Secret;
use storage_domain::s3::Identifier;

use crate::web::Error;

/// An access key and its secret; `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub(crate) struct Key(Credentials);

impl Key {
    pub(crate) fn new(id: &Identifier, secret: &Secret) -> Self {
        Self(Credentials::new(
            id.as_str(),
            secret.expose(),
            None,
            None,
            "config",
        ))
    }

    /// Signs a request that has no body, for S3.
    pub(crate) fn sign(
        &self,
        region: &str,
        at: SystemTime,
        request: &mut Request<Full<Bytes>>,
    ) -> Result<(), Error> {
        // S3's paths are signed as they are sent: neither encoded once more nor made shorter.
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        self.sign_for("s3", settings, region, at, request)
    }

    fn sign_for(
        &self,
        service: &str,
        settings: SigningSettings,
        region: &str,
        at: SystemTime,
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
        let signable =
            SignableRequest::new(request.method().as_str(), &uri, headers, SignableBody::Bytes(&[]))
                .map_err(|error| unsigned(&error))?;
        let (signed, _) = sign(signable, &params)
            .map_err(|error| unsigned(&error))?
            .into_parts();
        signed.apply_to_request_http1x(request);
        if let Some(value) = request.headers_mut().get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
        Ok(())
    }
}

fn unsigned(error: &dyn std::error::Error) -> Error {
    Error::Other(format!("it could not be signed ({error})"))
}

#[cfg(test)]
mod tests;
