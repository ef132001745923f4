//! Maps the nested errors of hyper, rustls and the kernel to one [`Error`].

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::net::tls::NO_ROOTS;
use crate::net::tls::certificate::day;
use crate::web::error::{Error, Head, Tls};

/// Returns what an error of a connection, of a body or of a handshake means.
pub(crate) fn classify(error: &(dyn StdError + 'static)) -> Error {
    let mut next = Some(error);
    let mut found = None;
    while let Some(current) = next {
        match meaning(current) {
            Some(Meaning::Final(failure)) => return failure,
            Some(Meaning::Vague(failure)) => found = found.or(Some(failure)),
            None => {}
        }
        next = inner(current);
    }
    found.unwrap_or_else(|| Error::Other(innermost(error)))
}

enum Meaning {
    /// No error below this one says more.
    Final(Error),
    /// An error below this one may say more.
    Vague(Error),
}

fn meaning(error: &(dyn StdError + 'static)) -> Option<Meaning> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(Meaning::Final(Error::Tls(tls_error(tls))));
    }
    if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
        return of_hyper(hyper);
    }
    error.downcast_ref::<io::Error>().and_then(of_io)
}

fn of_hyper(error: &hyper::Error) -> Option<Meaning> {
    if error.is_parse() {
        Some(Meaning::Final(of_parse(error)))
    } else if error.is_incomplete_message() || error.is_canceled() {
        Some(Meaning::Vague(Error::ClosedEarly))
    } else {
        None
    }
}

/// Returns which part of the header hyper could not read. It says so in its message alone; a test holds it to that.
fn of_parse(error: &hyper::Error) -> Error {
    match error.to_string().as_str() {
        "message head is too large" => Error::HeadTooLarge,
        "invalid HTTP status-code parsed" => Error::BadHead(Head::Status),
        "invalid HTTP header parsed" => Error::BadHead(Head::Field),
        "invalid content-length parsed" => Error::BadHead(Head::ContentLength),
        "invalid transfer-encoding parsed" => Error::BadHead(Head::TransferEncoding),
        "unexpected transfer-encoding parsed" => Error::BadHead(Head::TransferEncodingOfHttp10),
        _ => Error::NotHttp,
    }
}

fn of_io(error: &io::Error) -> Option<Meaning> {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Some(Meaning::Vague(Error::Reset)),
        io::ErrorKind::UnexpectedEof => Some(Meaning::Vague(Error::ClosedEarly)),
        _ => None,
    }
}

/// The next error below; what an [`io::Error`] wraps is not its `source()`.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = inner(last) {
        last = next;
    }
    last.to_string()
}

/// Returns what an error of rustls means.
fn tls_error(error: &rustls::Error) -> Tls {
    match error {
        rustls::Error::InvalidCertificate(bad) => certificate_error(bad),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Tls::Plain,
        rustls::Error::General(text) if text == NO_ROOTS => Tls::NoRoots,
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        ) => Tls::TooOld,
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Tls::ClientCertificate,
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => Tls::UnknownSite,
        other => Tls::Handshake(other.to_string()),
    }
}

fn certificate_error(error: &CertificateError) -> Tls {
    match error {
        CertificateError::UnknownIssuer => Tls::UnknownIssuer,
        CertificateError::BadSignature => Tls::OtherKey,
        CertificateError::Expired => Tls::Expired(None),
        CertificateError::ExpiredContext { not_after, .. } => Tls::Expired(Some(day(not_after.as_secs()))),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Tls::NotYetValid,
        CertificateError::NotValidForName => wrong_name(None, &[]),
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_name(Some(expected.to_str().into_owned()), presented)
        }
        other => Tls::Certificate(other.to_string()),
    }
}

/// rustls has the names as `DnsName("a.lab")` and `IpAddress(10.0.0.1)`.
fn wrong_name(host: Option<String>, presented: &[String]) -> Tls {
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_matches([')', '(', '"']).to_owned()
    };
    let names = presented.iter().map(bare).collect();
    Tls::WrongName { host, names }
}
