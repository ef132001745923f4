//! Why a request has no answer.

mod tls;

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;

use crate::net::ConnectError;
use crate::web::limits::MAX_REDIRECTS;

/// Why a request has no answer, without a sentence and without a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("connecting failed")]
    Connect(#[from] ConnectError),
    #[error("the TLS handshake failed")]
    Tls(Tls),
    #[error("no answer within {0:?}")]
    HeaderTimeout(Duration),
    #[error("the connection was closed before an answer")]
    ClosedEarly,
    #[error("the connection was reset")]
    Reset,
    #[error("the answer is not HTTP")]
    NotHttp,
    #[error("the answer's header can't be read")]
    BadHead(Head),
    #[error("the answer is compressed in a way that is not supported")]
    Encoding(String),
    #[error("the answer's header is too large")]
    HeadTooLarge,
    #[error("the answer stalled")]
    BodyStalled,
    #[error("the answer broke off")]
    BodyBroken,
    #[error("the answer holds another part of the file")]
    OtherPart,
    #[error("a redirect was not followed")]
    Redirect(Redirect),
    #[error("the URL can't be requested")]
    BadUrl(String),
    #[error("the request failed: {0}")]
    Other(String),
}

/// The line of an answer's header that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    Status,
    Field,
    ContentLength,
    TransferEncoding,
    TransferEncodingOfHttp10,
}

/// Why a TLS connection was not made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Timeout(Duration),
    Plain,
    UnknownIssuer,
    /// An authority that is known signed with a key that is not.
    OtherKey,
    /// The day on which the certificate ended, if it is known.
    Expired(Option<String>),
    NotYetValid,
    WrongName {
        host: Option<String>,
        names: Vec<String>,
    },
    NoRoots,
    Certificate(String),
    TooOld,
    ClientCertificate,
    UnknownSite,
    Handshake(String),
}

/// Why a redirect was not followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    Loop(String),
    TooMany(String),
    Scheme(String),
    Nowhere(StatusCode),
    Downgrade(String),
}

impl Error {
    /// Returns the step that failed, a noun phrase.
    pub(crate) fn step(&self) -> &'static str {
        match self {
            Self::Connect(_) => "the connection",
            Self::Tls(_) => "the TLS handshake",
            Self::BodyStalled | Self::BodyBroken | Self::OtherPart | Self::Encoding(_) => "the answer",
            Self::Redirect(_) => "the redirect",
            _ => "the request",
        }
    }

    /// Returns the kind of failure that this is for an operation.
    pub(crate) fn kind(&self) -> crate::ErrorKind {
        match self {
            Self::HeaderTimeout(_) => crate::ErrorKind::Timeout,
            _ => crate::ErrorKind::Server,
        }
    }

    /// Returns whether the same request may succeed soon without a change of config or server.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Connect(error) => matches!(
                error,
                ConnectError::Timeout { .. } | ConnectError::NameServerDown { .. }
            ),
            Self::Reset
            | Self::ClosedEarly
            | Self::BodyStalled
            | Self::BodyBroken
            | Self::HeaderTimeout(_)
            | Self::Tls(Tls::Timeout(_)) => true,
            Self::Tls(_)
            | Self::NotHttp
            | Self::BadHead(_)
            | Self::Encoding(_)
            | Self::HeadTooLarge
            | Self::OtherPart
            | Self::Redirect(_)
            | Self::BadUrl(_)
            | Self::Other(_) => false,
        }
    }

    /// Returns whether the server closed the connection without an answer, as servers do with idle ones.
    pub(crate) fn is_closed_unanswered(&self) -> bool {
        matches!(self, Self::ClosedEarly | Self::Reset)
    }

    /// Makes the error of an operation; `field` is the field of the config that names the server.
    pub(crate) fn into_backend_error(self, field: &'static str) -> crate::Error {
        let temporary = self.is_temporary();
        crate::Error::new(self.kind(), self.step())
            .with_temporary(temporary)
            .with_source(Explained { error: self, field })
    }

    /// Formats the cause and a remedy; `field` is the field of the config that names the server.
    pub(crate) fn sentence(&self, field: &'static str) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| {
            match self {
            Self::Connect(error) => write!(f, "{}", error.sentence(field)),
            Self::Tls(error) => error.write(f, field),
            Self::Redirect(error) => error.write(f, field),
            Self::HeaderTimeout(limit) => write!(
                f,
                "The server accepted the connection and sent no answer within {} s, because it is overloaded or hangs: look into its log",
                limit.as_secs_f32()
            ),
            Self::ClosedEarly => {
                f.write_str("The server closed the connection before it had answered: look into its log")
            }
            Self::Reset => f.write_str("The server reset the connection: look into its log"),
            Self::NotHttp => write!(
                f,
                "What answers is not an HTTP server: check the port, and whether {field} has to begin with https://"
            ),
            Self::BadHead(line) => write!(
                f,
                "The header of the server's answer can't be read: {line}. Mend it at the server, or at the proxy in front of it"
            ),
            Self::Encoding(name) => write!(
                f,
                "The server compresses its answer with {name}, although it was asked not to: switch that off for this directory"
            ),
            Self::HeadTooLarge => f.write_str(
                "The header of the server's answer is too large to be read: look for what adds to it at the server, such as cookies",
            ),
            Self::BodyStalled => {
                f.write_str("The server stopped in the middle of its answer: look into its log")
            }
            Self::BodyBroken => {
                f.write_str("The server broke its answer off before its end: look into its log")
            }
            Self::OtherPart => f.write_str("The server sends another part of a file than it was asked for: update it"),
            Self::BadUrl(url) => write!(f, "The URL {url} can't be requested: check {field}"),
            Self::Other(cause) => write!(f, "The request failed: {cause}"),
        }
        })
    }
}

/// An error as the cause of another one: its `Display` is the sentence.
#[derive(Debug)]
struct Explained {
    error: Error,
    field: &'static str,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.sentence(self.field).fmt(f)
    }
}

impl std::error::Error for Explained {}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "the status line has no number",
            Self::Field => "a line is not a header field",
            Self::ContentLength => "Content-Length is not one number",
            Self::TransferEncoding => "Transfer-Encoding is not chunked",
            Self::TransferEncodingOfHttp10 => "Transfer-Encoding has no place in an answer of HTTP/1.0",
        })
    }
}

impl Redirect {
    fn write(&self, f: &mut fmt::Formatter<'_>, field: &str) -> fmt::Result {
        match self {
            Self::Loop(at) => write!(
                f,
                "The server's redirects go round in a circle at {at}: check {field}"
            ),
            Self::TooMany(last) => write!(
                f,
                "The server redirects more than {MAX_REDIRECTS} times; the last redirect names {last}: set {field} to where the files are"
            ),
            Self::Scheme(scheme) => write!(
                f,
                "The server redirects to a {scheme}: URL, which is neither http nor https: check {field}"
            ),
            Self::Nowhere(status) => write!(
                f,
                "The server answers {status} and does not say where to: set {field} to where the files are"
            ),
            Self::Downgrade(to) => write!(
                f,
                "The server redirects from https to {to}, which is not encrypted, and that is not followed with credentials: make it redirect to https, or clear the credentials"
            ),
        }
    }
}
