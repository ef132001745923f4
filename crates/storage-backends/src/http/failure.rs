//! What can go wrong between a request and its answer, one variant a step, in sentences for operators.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use crate::error::{Error, ErrorKind};
use crate::http::limits::MAX_REDIRECTS;
use crate::net::ConnectError;

/// Why a request has no answer. Its text is one plain sentence, without a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}", .0.sentence(super::SETTING))]
    Connect(Arc<ConnectError>),
    #[error(transparent)]
    Tls(#[from] TlsFailure),
    #[error("The server accepted the connection and sent no answer within {} s: it is overloaded or hangs", .0.as_secs_f32())]
    HeaderTimeout(Duration),
    #[error("The server closed the connection before it had answered")]
    ClosedEarly,
    #[error("The server reset the connection")]
    Reset,
    #[error(
        "What answers is not an HTTP server: check the port, and whether base_url has to begin with https://"
    )]
    NotHttp,
    #[error("The header of the server's answer is too large to be read")]
    HeadTooLarge,
    #[error("The server stopped in the middle of its answer")]
    BodyStalled,
    #[error("The server broke its answer off before its end")]
    BodyBroken,
    #[error("The server's redirects go round in a circle at {0}")]
    RedirectLoop(String),
    #[error(
        "The server redirects more than {MAX_REDIRECTS} times; the last redirect names {0}: set base_url to where the files are"
    )]
    TooManyRedirects(String),
    #[error("The server redirects to a {0}: URL, which is neither http nor https")]
    RedirectScheme(String),
    #[error("The server answers {0} and does not say where to")]
    RedirectNowhere(StatusCode),
    #[error(
        "The server redirects from https to {0}, which is not encrypted; that is not followed while credentials are set"
    )]
    Downgrade(String),
    #[error("The URL {0} can't be requested")]
    BadUrl(String),
    #[error("The request failed: {0}")]
    Other(String),
}

/// Why a TLS connection was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TlsFailure {
    #[error("The TLS handshake took longer than {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error(
        "The server does not speak TLS on this port: use http:// in base_url, or the port that speaks https"
    )]
    NotTls,
    #[error(
        "The server's certificate is signed by an authority that is not known here: put the authority's certificate into ca_pem"
    )]
    UnknownIssuer,
    #[error("The server's certificate ended on {0}: renew it")]
    Expired(String),
    #[error(
        "The server's certificate is not valid yet: check the clock of this host and the certificate's dates"
    )]
    NotYetValid,
    #[error(
        "The server's certificate is for {names} and not for {host}: use one of its names in base_url, or have a certificate made for {host}"
    )]
    WrongName { host: String, names: String },
    #[error(
        "This host has no list of trusted authorities: install its ca-certificates, or put the authority's certificate into ca_pem"
    )]
    NoRoots,
    #[error("The server's certificate is not accepted: {0}")]
    Certificate(String),
    #[error(
        "The server offers none of the TLS versions and ciphers that are safe today; TLS 1.2 is the least"
    )]
    TooOld,
    #[error("The server asks for a client certificate, which is not supported")]
    ClientCertificate,
    #[error("The TLS handshake failed: {0}")]
    Handshake(String),
}

impl Failure {
    /// The sentence for a backend whose server is named by the field `setting` of its config.
    pub(crate) fn told(&self, setting: &'static str) -> String {
        match self {
            Self::Connect(error) => error.sentence(setting).to_string(),
            other => other.to_string().replace(super::SETTING, setting),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Arc::new(error))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::new(ErrorKind::Server, "the request").with_source(failure)
    }
}
