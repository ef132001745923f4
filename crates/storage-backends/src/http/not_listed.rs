//! Why a directory has no listing, and what to do about it.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::error::{Error, ErrorKind};
use crate::http::SETTING;
use crate::web;

/// Why a directory has no listing.
#[derive(Debug)]
pub(crate) enum NoPage {
    /// The server was not asked, or did not answer.
    Failed(web::Error),
    /// The server answers with another status; it may ask for a wait.
    Refused(StatusCode, Option<Duration>),
    /// The server shows a page that is not a listing.
    NoListing,
    /// The server sends this, which is not a page.
    NotUnderstood(String),
    /// What answers is an S3 bucket.
    Bucket,
    /// The server redirects to a place that is not below the base.
    Away(String),
    /// The server redirects to a file of the directory's name.
    File,
    /// There was no time to read all of the listing.
    Slow,
}

impl From<web::Error> for NoPage {
    fn from(error: web::Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for NoPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{}", error.sentence(SETTING)),
            Self::Refused(status, _) => write!(f, "the server answers {status}"),
            Self::NoListing => {
                f.write_str("the server shows a page of its own there, and no directory listing")
            }
            Self::NotUnderstood(came) => write!(
                f,
                "the server sends {came} there, which is neither a page nor a listing of a known form"
            ),
            Self::Bucket => f.write_str("what answers is an S3 bucket"),
            Self::Away(to) => write!(f, "the server redirects to {to}, which is not below {SETTING}"),
            Self::File => write!(f, "{SETTING} names a file"),
            Self::Slow => f.write_str("the server took too long to send the listing"),
        }
    }
}

impl NoPage {
    /// Makes the reason of an answer that is not a listing by its status.
    pub(crate) fn refused(status: StatusCode, headers: &HeaderMap) -> Self {
        if is_bucket(headers) {
            return Self::Bucket;
        }
        Self::Refused(status, web::retry::asked(headers))
    }

    /// Returns how long the server asks to wait.
    pub(crate) fn asked(&self) -> Option<Duration> {
        match self {
            Self::Refused(_, asked) => *asked,
            _ => None,
        }
    }

    /// Returns whether the server asks for fewer requests.
    pub(crate) fn is_throttled(&self) -> bool {
        matches!(self, Self::Refused(status, _) if matches!(status.as_u16(), 429 | 503))
    }

    /// Returns whether the same request may succeed soon.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Failed(error) => error.is_temporary(),
            Self::Refused(status, _) => matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504),
            Self::Slow => true,
            Self::NoListing | Self::NotUnderstood(_) | Self::Bucket | Self::Away(_) | Self::File => false,
        }
    }

    /// Returns whether a request in another style may be answered: some programs have nothing but WebDAV, and fail with
    /// any status at GET.
    pub(crate) fn may_be_listed_otherwise(&self) -> bool {
        !self.is_throttled() && !matches!(self, Self::Failed(_) | Self::Slow)
    }

    /// Returns whether the server may have a page for people instead.
    pub(crate) fn may_have_a_page(&self) -> bool {
        match self {
            Self::NotUnderstood(_) => true,
            // Some programs answer what asks for JSON as they answer calls of their own interface.
            Self::Refused(status, _) => matches!(status.as_u16(), 400 | 404..=406 | 415),
            _ => false,
        }
    }

    /// Makes the error of a count.
    pub(crate) fn into_error(self) -> Error {
        let kind = match &self {
            Self::Failed(error) => error.kind(),
            Self::Slow => ErrorKind::Server,
            Self::Refused(..) if self.is_temporary() => ErrorKind::Server,
            _ => ErrorKind::NotListable,
        };
        self.error(kind, "the listing")
    }

    /// Makes the error of a client's call for a directory.
    pub(crate) fn into_directory_error(self) -> Error {
        let kind = match &self {
            Self::Refused(status, _) => match status.as_u16() {
                401 | 403 | 407 => ErrorKind::Denied,
                404 | 410 => ErrorKind::NotFound,
                _ => return self.into_error(),
            },
            Self::File => ErrorKind::NotADirectory,
            _ => return self.into_error(),
        };
        self.error(kind, "the listing")
    }

    /// Makes the error of a client's call for a file.
    pub(crate) fn into_file_error(self) -> Error {
        let Self::Refused(status, _) = self else {
            return self.into_error();
        };
        let (kind, advice) = match status.as_u16() {
            401 | 407 => (ErrorKind::Denied, NotCounted(&self).advice()),
            403 => (
                ErrorKind::Denied,
                "allow the file to be read at the server, or set credentials",
            ),
            404 | 410 => (ErrorKind::NotFound, "list its directory"),
            408 | 429 | 503 => (ErrorKind::Server, NotCounted(&self).advice()),
            _ => (ErrorKind::Server, "look into the server's log"),
        };
        Error::new(kind, "the file")
            .with_temporary(self.is_temporary())
            .with_source(format!("{self}: {advice}"))
    }

    /// Returns whether the server knows nothing of the name.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(status, _) if matches!(status.as_u16(), 404 | 410))
    }

    fn error(self, kind: ErrorKind, step: &'static str) -> Error {
        let temporary = self.is_temporary();
        let (step, why) = match &self {
            Self::Failed(error) => (error.step(), self.to_string()),
            _ => (step, format!("{self}: {}", NotCounted(&self).advice())),
        };
        Error::new(kind, step).with_temporary(temporary).with_source(why)
    }
}

/// Returns whether an answer comes from S3: each of its answers has a number of its own.
pub(crate) fn is_bucket(headers: &HeaderMap) -> bool {
    headers.contains_key("x-amz-request-id") || headers.contains_key("x-amz-bucket-region")
}

/// Why files are not counted, and what to do about it.
#[derive(Debug)]
pub(crate) struct NotCounted<'a>(pub(crate) &'a NoPage);

impl NotCounted<'_> {
    fn advice(&self) -> &'static str {
        match self.0 {
            NoPage::Away(_) => "set base_url to where the files are",
            NoPage::File => "set base_url to the directory that the file is in",
            NoPage::Bucket => "register it with type s3",
            NoPage::Slow => "try again later, or look into the server's log",
            NoPage::Refused(status, _) => match status.as_u16() {
                401 => "set auth_method, username and password to credentials that the server accepts",
                407 => "take the proxy that asks for credentials out of the way",
                403 => {
                    "allow the directory to be read, set credentials, or switch the listing on (nginx: autoindex on; Apache: Options +Indexes)"
                }
                408 | 429 | 503 => "try again later, or allow more requests at the server",
                500 | 502 | 504 => "look into the server's log",
                _ => LISTING_ON,
            },
            NoPage::NotUnderstood(_) => {
                "set base_url to where the files are, or make the server list them as a page, by WebDAV, or in nginx's form of JSON"
            }
            NoPage::Failed(_) | NoPage::NoListing => LISTING_ON,
        }
    }
}

impl fmt::Display for NotCounted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NoPage::Failed(error) => write!(f, "The files can't be counted. {}", error.sentence(SETTING)),
            why => write!(f, "The files can't be counted, because {why}: {}", self.advice()),
        }
    }
}

const LISTING_ON: &str = "switch the listing on (nginx: autoindex on; Apache: Options +Indexes; Caddy: browse), to have files counted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_silent_is_too_slow() {
        let silent = || NoPage::Failed(web::Error::HeaderTimeout(Duration::from_secs(10)));
        for error in [
            silent().into_error(),
            silent().into_file_error(),
            silent().into_directory_error(),
        ] {
            assert!(error.is_timeout() && error.is_temporary(), "{error:?}");
        }
        let reset = NoPage::Failed(web::Error::Reset).into_file_error();
        assert_eq!(*reset.kind(), ErrorKind::Server);
    }
}
