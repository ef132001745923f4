//! The checks `auth` and `status`: one request, and what its answer means.

use std::fmt;

use hyper::Method;
use hyper::StatusCode;
use hyper::header::WWW_AUTHENTICATE;
use url::Url;

use crate::http::SETTING;
use crate::http::auth::Credentials;
use crate::http::checks::{Checks, Stopped};
use crate::web::redirect::shown;
use crate::web::{Answer, Ask, Client, Error};

/// Asks for the directory and reports what the answer means.
pub(crate) async fn check(
    checks: &mut Checks,
    client: &Client,
    credentials: &Credentials,
    directory: &Url,
) -> Result<(), Stopped> {
    if let Credentials::Missing(why) = credentials {
        return Err(checks.failed(&format!("Nothing was sent: {why}")));
    }
    let answer = match ask(client, directory).await {
        Ok(answer) => answer,
        Err(error) => {
            checks.skipped("Not checked, because the request was not answered");
            return Err(checks.failed(&error.sentence(SETTING).to_string()));
        }
    };
    if let Some(refused) = Auth::refused(&answer, credentials) {
        return Err(checks.failed(&refused));
    }
    checks.passed(Auth::accepted(&answer, credentials).to_string());
    let status = Status {
        answer: &answer,
        with_credentials: credentials.are_sent(),
    };
    if answer.status.is_success() {
        checks.passed(status.to_string());
        Ok(())
    } else {
        Err(checks.failed(&status))
    }
}

async fn ask(client: &Client, url: &Url) -> Result<Answer, Error> {
    let enough = |head: &Answer| head.status.is_success() || head.status == StatusCode::UNAUTHORIZED;
    let answer = client.look(url, enough).await?;
    if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
        return client.send(&Ask::new(Method::GET, url.clone())).await;
    }
    Ok(answer)
}

/// What the check `auth` found.
enum Auth {
    NotAsked,
    Accepted(&'static str),
    /// Another server answered, and the credentials were not sent there.
    SentToFirst {
        what: &'static str,
        there: String,
    },
    ByProxy,
    NeedsToken,
    NeedsPassword,
    NotSupported(String),
    Elsewhere {
        there: String,
        sent_to: String,
    },
    Refused(&'static str),
}

impl Auth {
    fn refused(answer: &Answer, credentials: &Credentials) -> Option<Self> {
        match answer.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Some(Self::ByProxy),
            StatusCode::UNAUTHORIZED => {}
            _ => return None,
        }
        let scheme = offered_scheme(answer);
        Some(match scheme.as_deref() {
            Some("bearer") if !credentials.are_sent() => Self::NeedsToken,
            None | Some("basic") if !credentials.are_sent() => Self::NeedsPassword,
            _ if credentials.are_sent() && !answer.route.trusted => Self::Elsewhere {
                there: answer.route.url().origin().ascii_serialization(),
                sent_to: answer.route.start().origin().ascii_serialization(),
            },
            None | Some("basic" | "bearer") => Self::Refused(credentials.describe()),
            Some(other) => Self::NotSupported(other.to_owned()),
        })
    }

    fn accepted(answer: &Answer, credentials: &Credentials) -> Self {
        if !credentials.are_sent() {
            return Self::NotAsked;
        }
        let what = credentials.describe();
        if answer.route.trusted {
            return Self::Accepted(what);
        }
        let there = answer.route.url().origin().ascii_serialization();
        Self::SentToFirst { what, there }
    }
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("No credentials are set, and the server asks for none"),
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
        }
    }
}

/// The scheme of the challenge (RFC 9110, section 11.6.1) that this client can meet, else the first one.
fn offered_scheme(answer: &Answer) -> Option<String> {
    let values = answer.headers.get_all(WWW_AUTHENTICATE);
    let words = values
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split([',', ' ']));
    let words: Vec<String> = words
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let known = words.iter().find(|w| matches!(w.as_str(), "basic" | "bearer"));
    let first = || {
        words
            .first()
            .filter(|w| w.len() <= 20 && w.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    known.or_else(first).cloned()
}

/// What the check `status` found.
struct Status<'a> {
    answer: &'a Answer,
    with_credentials: bool,
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, route) = (self.answer.status, &self.answer.route);
        write!(f, "The server answers {status}")?;
        let to = shown(route.url());
        match (route.redirects(), status.is_success()) {
            (0, _) => {}
            (_, false) => write!(f, " at {to}, where it redirects to")?,
            (n, true) => {
                let plural = if n == 1 { "redirect" } else { "redirects" };
                write!(f, " after {n} {plural} to {to}")?;
            }
        }
        if !status.is_success() {
            return write!(f, ": {}", self.advice());
        }
        if route.downgraded {
            f.write_str(", from https down to http")?;
        }
        Ok(())
    }
}

impl Status<'_> {
    fn advice(&self) -> &'static str {
        match self.answer.status.as_u16() {
            400 if self.answer.route.url().scheme() == "http" => {
                "it does not take the request; where this port expects https, begin base_url with https://"
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
            300..=399 => "that is no redirect that can be followed",
            _ => "200 was expected",
        }
    }
}
