//! The parameters of a query; unknown ones are ignored, as proxies and caches add their own.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use storage_domain::iscsi::Portal;
use storage_domain::{Actor, BackendId, BackendName, Host, Invalid, Rule};
use storage_persistence::{AuditFilter, BackendFilter, JobFilter};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::form_urlencoded;

use crate::error::ApiError;
use crate::problem::{Code, Problem};

/// The longest page.
pub(crate) const MAX_LIMIT: u64 = 1000;
/// How many backends a page may skip.
pub(crate) const MAX_OFFSET: u64 = 1_000_000_000;

/// Reads which backends a list is to hold.
pub(crate) fn list_filter(query: &str) -> Result<BackendFilter, ApiError> {
    let mut params = Params::new(query);
    let filter = BackendFilter {
        kind: params.parsed("type"),
        status: params.parsed("status"),
        name_contains: params.parsed("q").and_then(|Needle(text)| text),
        limit: params.number("limit", 1, MAX_LIMIT),
        offset: params.number("offset", 0, MAX_OFFSET).unwrap_or(0),
    };
    params.finish()?;
    Ok(filter)
}

/// Reads whether a delete detaches a mount that is in use.
pub(crate) fn wants_force(query: &str) -> Result<bool, ApiError> {
    let mut params = Params::new(query);
    let Flag(force) = params.parsed("force").unwrap_or(Flag(false));
    params.finish()?;
    Ok(force)
}

/// Reads which server is to be asked.
pub(crate) fn server(query: &str) -> Result<Host, ApiError> {
    let mut params = Params::new(query);
    let server = params.required("server");
    params.finish()?;
    // Without it there is a problem.
    server.ok_or_else(|| ApiError::new(Code::InvalidQuery, "server is required"))
}

/// Reads which portal is to be asked.
pub(crate) fn portal(query: &str) -> Result<Portal, ApiError> {
    let mut params = Params::new(query);
    let portal = params.required("portal");
    params.finish()?;
    // Without it there is a problem.
    portal.ok_or_else(|| ApiError::new(Code::InvalidQuery, "portal is required"))
}

/// How many records of the audit trail, or jobs, there are without a `limit`.
pub(crate) const DEFAULT_LIMIT: u64 = 100;

/// Reads which records of the audit trail are wanted.
pub(crate) fn audit_filter(query: &str) -> Result<AuditFilter, ApiError> {
    let mut params = Params::new(query);
    let filter = AuditFilter {
        limit: params.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT),
        before: params.parsed("before"),
        since: params.parsed("since").map(|Time(at)| at),
        backend: params.parsed("backend").map(|id: BackendId| id.to_string()),
        actor: params.parsed("actor").map(|Plain(text)| text),
        action: params.parsed("action").map(|Plain(text)| text),
    };
    params.finish()?;
    Ok(filter)
}

/// Reads which jobs are wanted.
pub(crate) fn job_filter(query: &str) -> Result<JobFilter, ApiError> {
    let mut params = Params::new(query);
    let filter = JobFilter {
        limit: params.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT),
        backend: params.parsed("backend"),
        state: params.parsed("state"),
    };
    params.finish()?;
    Ok(filter)
}

/// A time as RFC 3339 writes it.
struct Time(OffsetDateTime);

impl FromStr for Time {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(Self)
            .map_err(|_| Rule::new("must be a time such as 2026-11-22T10:00:00Z"))
    }
}

/// Text that a column may hold.
struct Plain(String);

impl FromStr for Plain {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.chars().any(char::is_control) || text.chars().count() > Actor::MAX_NAME_CHARS {
            let rule = format!(
                "must be at most {} characters long, without control characters",
                Actor::MAX_NAME_CHARS
            );
            return Err(Rule::new(rule));
        }
        Ok(Self(text.to_owned()))
    }
}

struct Flag(bool);

impl FromStr for Flag {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        match text {
            "true" | "1" => Ok(Self(true)),
            "false" | "0" => Ok(Self(false)),
            _ => Err(Rule::new("must be true or false")),
        }
    }
}

/// What a name is to contain; nothing is contained in every name.
struct Needle(Option<String>);

impl FromStr for Needle {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.chars().count() > BackendName::MAX_CHARS {
            let rule = format!("must be at most {} characters long", BackendName::MAX_CHARS);
            return Err(Rule::new(rule));
        }
        if text.chars().any(char::is_control) {
            return Err(Rule::new("must not contain control characters"));
        }
        Ok(Self((!text.is_empty()).then(|| text.to_owned())))
    }
}

pub(super) struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The same pairs as they were sent.
    raw: Vec<&'a str>,
    problems: Vec<Invalid>,
}

impl<'a> Params<'a> {
    pub(super) fn new(query: &'a str) -> Self {
        Self {
            pairs: form_urlencoded::parse(query.as_bytes()).collect(),
            raw: query.split('&').filter(|pair| !pair.is_empty()).collect(),
            problems: Vec::new(),
        }
    }

    pub(super) fn parsed<T: FromStr<Err = Rule>>(&mut self, name: &str) -> Option<T> {
        let pairs = self.pairs.iter().zip(&self.raw);
        let mut values = pairs.filter(|((key, _), _)| key == name);
        let ((_, value), raw) = values.next()?;
        let parsed = if values.next().is_some() {
            Err(Rule::new("must be given once"))
        } else if percent_decode_str(raw).decode_utf8().is_err() {
            // The parser puts U+FFFD into its place, which is another value.
            Err(Rule::new("must be UTF-8 after its percent-encoding is undone"))
        } else {
            value.parse()
        };
        parsed
            .map_err(|rule| self.problems.push(Invalid::at("", name, &rule)))
            .ok()
    }

    pub(super) fn required<T: FromStr<Err = Rule>>(&mut self, name: &str) -> Option<T> {
        let before = self.problems.len();
        let value = self.parsed(name);
        if value.is_none() && self.problems.len() == before {
            let rule = Rule::new("is required");
            self.problems.push(Invalid::at("", name, &rule));
        }
        value
    }

    pub(super) fn number(&mut self, name: &str, min: u64, max: u64) -> Option<u64> {
        let Text(text) = self.parsed(name)?;
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| plain && (min..=max).contains(n));
        if number.is_none() {
            let rule = format!("must be a whole number from {min} to {max}");
            self.problems.push(Invalid::at("", name, &Rule::new(rule)));
        }
        number
    }

    pub(super) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Problem::of_input(Code::InvalidQuery, self.problems).into())
    }
}

struct Text(String);

impl FromStr for Text {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Ok(Self(text.to_owned()))
    }
}
