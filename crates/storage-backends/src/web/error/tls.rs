//! Why a TLS connection was not made, in a sentence.

use std::fmt;

use super::Tls;

impl Tls {
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, field: &str) -> fmt::Result {
        match self {
            Self::Timeout(limit) => write!(
                f,
                "The TLS handshake took longer than {} s: look into the server's log",
                limit.as_secs_f32()
            ),
            Self::Plain => write!(
                f,
                "The server does not speak TLS on this port: use http:// in {field}, or the port that speaks https"
            ),
            Self::UnknownIssuer => f.write_str(
                "The server's certificate is signed by an authority that is not known here: put the authority's certificate into ca_pem",
            ),
            Self::OtherKey => f.write_str(
                "The server's certificate is signed with another key than the known authority of this name has: if the authority was replaced, put its new certificate into ca_pem",
            ),
            Self::Expired(Some(day)) => write!(f, "The server's certificate ended on {day}: renew it"),
            Self::Expired(None) => f.write_str("The server's certificate has ended: renew it"),
            Self::NotYetValid => f.write_str(
                "The server's certificate is not valid yet: check the clock of this host and the certificate's dates",
            ),
            Self::WrongName { host, names } => {
                let host = host.as_deref().unwrap_or("this host");
                f.write_str("The server's certificate is for ")?;
                match names.as_slice() {
                    [] => f.write_str("no name at all (it lacks a subject alternative name)")?,
                    names => write_names(f, names)?,
                }
                write!(
                    f,
                    " and not for {host}: use one of its names in {field}, or have a certificate made for {host}"
                )
            }
            Self::NoRoots => f.write_str(
                "This host has no list of trusted authorities: install its ca-certificates, or put the authority's certificate into ca_pem",
            ),
            Self::Certificate(cause) => write!(f, "The server's certificate is not accepted: {cause}"),
            Self::TooOld => f.write_str(
                "The server offers none of the TLS versions and ciphers that are safe today: make it offer TLS 1.2 or later",
            ),
            Self::ClientCertificate => {
                f.write_str(
                    "The server asks for a client certificate, which is not supported: switch that off for this client",
                )
            }
            Self::UnknownSite => {
                write!(f, "The TLS handshake failed, because the server has no site of this name: check {field}")
            }
            Self::Handshake(cause) => write!(f, "The TLS handshake failed: {cause}"),
        }
    }
}

/// How many of a certificate's names a message has.
const NAMES_SHOWN: usize = 5;

fn write_names(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    for (i, name) in names.iter().take(NAMES_SHOWN).enumerate() {
        write!(f, "{}{name}", if i > 0 { ", " } else { "" })?;
    }
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => Ok(()),
        more => write!(f, ", {more} more"),
    }
}
