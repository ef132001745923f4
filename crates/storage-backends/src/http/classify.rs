//! From the nested errors of hyper, rustls and the kernel to one [`Failure`].

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::http::failure::{Failure, TlsFailure};
use crate::net::tls::NO_ROOTS;
use crate::net::tls::certificate::day;

/// What an error of the pooled client, of a body or of a handshake means.
pub(crate) fn classify(error: &(dyn Error + 'static)) -> Failure {
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
    found.unwrap_or_else(|| Failure::Other(innermost(error)))
}

enum Meaning {
    /// Nothing below this error tells more.
    Final(Failure),
    /// An error below this one may tell more.
    Vague(Failure),
}

fn meaning(error: &(dyn Error + 'static)) -> Option<Meaning> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(Meaning::Final(failure.clone()));
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(Meaning::Final(Failure::Tls(tls_failure(tls))));
    }
    if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
        return of_hyper(hyper);
    }
    error.downcast_ref::<io::Error>().and_then(of_io)
}

fn of_hyper(error: &hyper::Error) -> Option<Meaning> {
    // hyper has a method that tells this one to servers only.
    if error.is_parse() && error.to_string().contains("too large") {
        Some(Meaning::Final(Failure::HeadTooLarge))
    } else if error.is_parse() {
        Some(Meaning::Final(Failure::NotHttp))
    } else if error.is_incomplete_message() || error.is_canceled() {
        Some(Meaning::Vague(Failure::ClosedEarly))
    } else {
        None
    }
}

fn of_io(error: &io::Error) -> Option<Meaning> {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Some(Meaning::Vague(Failure::Reset)),
        io::ErrorKind::UnexpectedEof => Some(Meaning::Vague(Failure::ClosedEarly)),
        _ => None,
    }
}

/// The next error below; what an [`io::Error`] wraps is not its `source()`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = inner(last) {
        last = next;
    }
    last.to_string()
}

/// What an error of rustls means.
pub(crate) fn tls_failure(error: &rustls::Error) -> TlsFailure {
    match error {
        rustls::Error::InvalidCertificate(bad) => certificate_failure(bad),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFailure::NotTls,
        rustls::Error::General(text) if text == NO_ROOTS => TlsFailure::NoRoots,
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        ) => TlsFailure::TooOld,
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => TlsFailure::ClientCertificate,
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            TlsFailure::Handshake("the server has no site of this name".to_owned())
        }
        other => TlsFailure::Handshake(other.to_string()),
    }
}

fn certificate_failure(error: &CertificateError) -> TlsFailure {
    match error {
        CertificateError::UnknownIssuer => TlsFailure::UnknownIssuer,
        CertificateError::Expired => TlsFailure::Expired("a day that has passed".to_owned()),
        CertificateError::ExpiredContext { not_after, .. } => TlsFailure::Expired(day(not_after.as_secs())),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFailure::NotYetValid
        }
        CertificateError::NotValidForName => wrong_name("this host", &[]),
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_name(&expected.to_str(), presented)
        }
        other => TlsFailure::Certificate(other.to_string()),
    }
}

/// How many of a certificate's names a sentence tells.
const NAMES_SHOWN: usize = 5;

/// rustls tells the names as `DnsName("a.lab")` and `IpAddress(10.0.0.1)`.
fn wrong_name(host: &str, presented: &[String]) -> TlsFailure {
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_matches([')', '(', '"']).to_owned()
    };
    let mut names: Vec<String> = presented.iter().take(NAMES_SHOWN).map(bare).collect();
    if presented.len() > NAMES_SHOWN {
        names.push(format!("{} more", presented.len() - NAMES_SHOWN));
    }
    let names = if names.is_empty() {
        "no name at all (it lacks a subject alternative name)".to_owned()
    } else {
        names.join(", ")
    };
    TlsFailure::WrongName {
        host: host.to_owned(),
        names,
    }
}
