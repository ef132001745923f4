//! What a probe of an HTTP directory found, and what counting its files says.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;

use crate::web::Answer;
use crate::web::redirect::shown;

/// What a check found. Its `Display` is the sentence.
#[derive(Debug, Hash)]
pub(crate) enum Finding {
    /// A config lacks what its method of authentication needs.
    NothingSent(&'static str),
    NotAnswered,
    NoCredentials,
    /// The server did not refuse these credentials.
    Accepted(&'static str),
    /// Another server answered, which got no credentials.
    SentToFirst {
        what: &'static str,
        there: String,
    },
    ByProxy,
    NeedsToken,
    NeedsPassword,
    /// The server asks for another scheme.
    NotSupported(String),
    Elsewhere {
        there: String,
        sent_to: String,
    },
    /// The server refuses these credentials.
    Refused(&'static str),
    Status(Status),
    /// Only a quick check was asked for.
    Quick,
    /// No file was found to try, because of this.
    NoSample(Option<String>),
    /// The check `boot` took longer.
    Slow(Duration),
    /// The directory can be read.
    Readable(String),
    Boot {
        name: String,
        troubles: Vec<Trouble>,
    },
}

/// The status of an answer, and how it was reached.
#[derive(Debug, Hash)]
pub(crate) struct Status {
    code: StatusCode,
    redirects: usize,
    to: String,
    is_plain: bool,
    downgraded: bool,
    with_credentials: bool,
}

/// What a boot client may have trouble with.
#[derive(Debug, Hash)]
pub(crate) enum Trouble {
    /// The sentence of the error.
    HeadUnanswered(String),
    /// The sentence of the error.
    Unreadable(String),
    /// The sentence of the error.
    NothingFollows(String),
    HeadRefused(StatusCode),
    NoLength,
    Compressed,
    Redirected(String),
    NoRanges,
    Refused(StatusCode),
}

impl Status {
    pub(crate) fn of(answer: &Answer, with_credentials: bool) -> Self {
        let route = &answer.route;
        Self {
            code: answer.status,
            redirects: route.redirects(),
            to: shown(route.url()),
            is_plain: route.url().scheme() == "http",
            downgraded: route.downgraded,
            with_credentials,
        }
    }

    fn advice(&self) -> &'static str {
        match self.code.as_u16() {
            400 if self.is_plain => {
                "it does not take the request; if this port expects https, begin base_url with https://"
            }
            403 if self.with_credentials => {
                "these credentials may not read the directory, or its listing is switched off (nginx: autoindex on)"
            }
            403 => {
                "the directory may not be read, its listing is switched off (nginx: autoindex on), or credentials are needed"
            }
            404 | 410 => "there is no such directory: check the path of base_url",
            408 => "it did not get the request in time: try again later",
            429 => "it asks for fewer requests: try again later",
            500..=599 => "the fault is on the server's side: look into its log",
            300..=399 => "that redirect can't be followed: set base_url to where the files are",
            _ => "200 was expected",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code, redirects, to, ..
        } = self;
        write!(f, "The server answers {code}")?;
        match (redirects, code.is_success()) {
            (0, true) => {}
            (1, true) => write!(f, " after 1 redirect to {to}")?,
            (n, true) => write!(f, " after {n} redirects to {to}")?,
            (0, false) => return write!(f, ": {}", self.advice()),
            (_, false) => return write!(f, " at {to}, where it redirects to: {}", self.advice()),
        }
        if self.downgraded {
            f.write_str(", from https down to http")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingSent(why) => write!(f, "Nothing was sent: {why}"),
            Self::NotAnswered => f.write_str("Not checked, because the request was not answered"),
            Self::NoCredentials => f.write_str("No credentials are set, and the server asks for none"),
            Self::Accepted(what) => write!(f, "The server did not refuse {what}"),
            Self::SentToFirst { what, there } => {
                write!(f, "The server redirects to {there}; {what} went to the first server only")
            }
            Self::ByProxy => f.write_str("A proxy on the way asks for credentials (407), which is not supported"),
            Self::NeedsToken => f.write_str(
                "The server asks for a token (401): set auth_method to bearer and put the token into password",
            ),
            Self::NeedsPassword => f.write_str(
                "The server asks for a user name and a password (401): set auth_method to basic, username and password",
            ),
            Self::NotSupported(scheme) => write!(
                f,
                "The server asks for {scheme} authentication (401), which is not supported; basic and bearer are"
            ),
            Self::Elsewhere { there, sent_to } => write!(
                f,
                "The server redirects to {there}, which asks for credentials (401); they are sent to {sent_to} only: set base_url to where the files are"
            ),
            Self::Refused(what) => {
                write!(f, "The server refuses {what} (401): check username, password and auth_method")
            }
            Self::Status(status) => status.fmt(f),
            Self::Quick => f.write_str("Not checked, because only a quick check was asked for"),
            Self::NoSample(None) => f.write_str("Not checked, because no file was found to try"),
            Self::NoSample(Some(why)) => write!(f, "Not checked, because no file was found to try. {why}"),
            Self::Slow(limit) => write!(
                f,
                "Not checked, because the server took longer than {} s to list a directory and give out a file",
                limit.as_secs()
            ),
            Self::Readable(url) => write!(f, "{url} can be read"),
            Self::Boot { name, troubles } => match troubles.as_slice() {
                [] => write!(
                    f,
                    "Boot clients can use it: {name} has a length, and HEAD and byte ranges work"
                ),
                [first, others @ ..] => {
                    write!(f, "Boot clients may have trouble with {name}: {first}")?;
                    others.iter().try_for_each(|trouble| write!(f, "; {trouble}"))
                }
            },
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadUnanswered(error) => write!(f, "HEAD is not answered. {error}"),
            Self::Unreadable(error) => write!(f, "the file can't be read. {error}"),
            Self::NothingFollows(error) => {
                write!(f, "the server announces the file and sends none of it. {error}")
            }
            Self::HeadRefused(status) => write!(
                f,
                "HEAD is answered with {status}, and firmware asks for a file's size that way"
            ),
            Self::NoLength => {
                f.write_str("it has no Content-Length, without which firmware can't load a file")
            }
            Self::Compressed => {
                f.write_str("it is compressed on the way (Content-Encoding), which firmware can't undo")
            }
            Self::Redirected(to) => write!(f, "it redirects to {to}, and not all firmware follows redirects"),
            Self::NoRanges => f.write_str(
                "byte ranges are not served (Accept-Ranges), which installers and virtual media need",
            ),
            Self::Refused(status) => write!(f, "the file can't be read, the server answers {status}"),
        }
    }
}
