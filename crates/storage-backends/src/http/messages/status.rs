//! The status of the answer that decides, for messages.

use std::fmt;

use hyper::StatusCode;

use crate::web::Answer;
use crate::web::checks;
use crate::web::redirect::shown;

/// The status of an answer, and how it was reached.
#[derive(Debug, Hash)]
pub(crate) struct Status {
    pub(super) code: StatusCode,
    redirects: usize,
    to: String,
    may_want_tls: bool,
    downgraded: bool,
    with_credentials: bool,
}

impl Status {
    pub(crate) fn of(answer: &Answer, with_credentials: bool) -> Self {
        let route = &answer.route;
        Self {
            code: answer.status,
            redirects: route.redirects(),
            to: shown(route.url()),
            may_want_tls: checks::may_want_tls(route.url(), answer.status),
            downgraded: route.downgraded,
            with_credentials,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.code.is_success()
    }

    /// Returns whether servers answer so if the name of a file has a slash at its end.
    pub(crate) fn may_be_a_file(&self) -> bool {
        !matches!(self.code.as_u16(), 401 | 407 | 408 | 429 | 502..=504)
    }

    fn advice(&self) -> &'static str {
        match self.code.as_u16() {
            _ if self.may_want_tls => {
                "it does not take the request; if this port expects https, begin base_url with https://"
            }
            403 if self.with_credentials => {
                "let these credentials read the directory, or switch its listing on (nginx: autoindex on; Apache: Options +Indexes)"
            }
            403 => {
                "let the directory be read, switch its listing on (nginx: autoindex on; Apache: Options +Indexes), or set credentials"
            }
            404 | 410 => {
                "there is no such directory, or its listing is switched off (Caddy: browse): check the path of base_url"
            }
            405 | 501 => {
                "the directory can be read neither by GET nor by PROPFIND: switch its listing on (nginx: autoindex on)"
            }
            408 => "it did not get the request in time: try again later",
            429 => "it asks for fewer requests: try again later",
            495 | 496 => {
                "it asks for a client certificate, which is not supported: switch that off for this directory"
            }
            503 => "it is overloaded, or down for a while: try again later, or look into its log",
            511 => "the network on the way asks for a login first: log this host in, or allow it to pass",
            500..=599 => "the fault is on the server's side: look into its log",
            300..=399 => "that redirect can't be followed: set base_url to where the files are",
            _ => "200 was expected: check base_url, and look into the server's log",
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
