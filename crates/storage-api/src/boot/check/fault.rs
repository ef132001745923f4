//! What keeps a client from a file.

use std::fmt;

use super::wire::PATIENCE;

/// What keeps a client from a file, as far as HTTP is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The listener could not be asked.
    NotAsked,
    /// It sends nothing for too long.
    Silent,
    /// It ended the connection before the end of its answer.
    BrokeOff,
    /// The first line of its answer is not what the client compares with.
    NotHttp11,
    /// It refuses, for this reason if that is known.
    Refused(u16, Option<String>),
    Redirected(u16),
    /// A request for a range is answered with the whole file.
    WholeFile,
    /// A range is answered with another one.
    OtherRange,
    /// The bytes of a range are not those of the file.
    OtherBytes,
    NoLength,
    /// The field is there in another spelling.
    Spelling(&'static str),
    Chunked,
    EmptyField,
    BareLineFeed,
    /// HEAD and GET say other lengths.
    OtherLength,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("The listener could not be asked; see the service's log."),
            Self::Silent => write!(
                f,
                "No byte came for {} s, after which firmware gives up: test the backend to see why its storage is slow.",
                PATIENCE.as_secs()
            ),
            Self::BrokeOff => f.write_str(
                "The answer broke off: the storage failed, or the file changed. Check again, and test the backend.",
            ),
            Self::NotHttp11 => {
                f.write_str("The answer does not begin with HTTP/1.1, which this client compares byte for byte.")
            }
            Self::Refused(status, Some(reason)) => write!(f, "The answer is {status}: {reason}."),
            Self::Refused(status, None) => write!(f, "The answer is {status}."),
            Self::Redirected(status) => {
                write!(f, "The answer is a redirect ({status}), which most of these clients don't follow.")
            }
            Self::WholeFile => f.write_str(
                "The storage gives this file no strong validator (an ETag), so that a range is answered with the whole file, which this client takes for the range: copy the file to a backend that gives one, or make its web server send one.",
            ),
            Self::OtherRange => f.write_str("A range is answered with another one than was asked for."),
            Self::OtherBytes => f.write_str(
                "The bytes of a range are not those of the file: it changes, or its storage is at fault. Check again when nothing writes it.",
            ),
            Self::NoLength => f.write_str("The answer has no Content-Length, which this client needs."),
            Self::Spelling(field) => write!(
                f,
                "The answer does not spell {field} as this client does, which compares byte for byte: it does not see the field."
            ),
            Self::Chunked => f.write_str("The answer is chunked, and this client needs a Content-Length."),
            Self::EmptyField => f.write_str("The answer has a header field without a value, at which firmware hangs."),
            Self::BareLineFeed => f.write_str("A line of the answer's head does not end in CR LF."),
            Self::OtherLength => f.write_str("HEAD and GET say other lengths: the file changes. Check again when nothing writes it."),
        }
    }
}
