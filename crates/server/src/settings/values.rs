//! How each kind of value is written. Errors are predicates whose subject is the key: "must be …".

use std::path::{Component, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use storage_domain::Rule;
use storage_domain::net::{Network, NetworkName};

/// The longest duration that can be set.
pub(crate) const MAX_DURATION: Duration = Duration::from_hours(24);
/// The largest number that can be set.
const MAX_NUMBER: u32 = 100_000;

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people on a terminal, as JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged: a level, and levels of targets, with commas between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogLevel(String);

impl LogLevel {
    /// The directives.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether clients need a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AuthWord {
    /// If others than this machine reach the service, or there is a token.
    #[default]
    Auto,
    /// Always.
    Required,
    /// Never.
    Off,
}

pub(crate) fn auth(text: &str) -> Result<AuthWord, String> {
    match text {
        "auto" => Ok(AuthWord::Auto),
        "required" => Ok(AuthWord::Required),
        "off" => Ok(AuthWord::Off),
        _ => Err("must be auto, required or off".to_owned()),
    }
}

pub(crate) fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

/// Reads a number of requests, tokens or connections.
pub(crate) fn number(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if (1..=MAX_NUMBER).contains(&number) => Ok(number),
        _ => Err(format!("must be a whole number from 1 to {MAX_NUMBER}")),
    }
}

/// Takes any text: the values are checked together.
#[expect(clippy::unnecessary_wraps, reason = "it stands beside functions that refuse")]
pub(crate) fn any_text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// Reads a text for people or programs.
pub(crate) fn text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("must be a text that is not blank".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads what the domain has a rule for.
pub(crate) fn parsed<T: FromStr<Err = Rule>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|rule: Rule| rule.to_string())
}

pub(crate) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let plain = path.components().all(|c| c != Component::ParentDir);
    if !path.is_absolute() || !plain || text.contains('\0') {
        return Err("must be an absolute path without ..".to_owned());
    }
    Ok(path)
}

/// Reads a network, or a name that stands for some.
pub(crate) fn networks(text: &str) -> Result<Vec<Network>, String> {
    if let Ok(name) = text.parse::<NetworkName>() {
        return Ok(name.networks().to_vec());
    }
    parsed(text).map(|network| vec![network])
}

pub(crate) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be auto, human or json".to_owned()),
    }
}

pub(crate) fn log_level(text: &str) -> Result<LogLevel, String> {
    let is_level = |text: &str| matches!(text, "off" | "error" | "warn" | "info" | "debug" | "trace");
    let is_target = |text: &str| {
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
        !text.is_empty() && text.chars().all(is_path)
    };
    let is_known = |part: &str| match part.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(part),
    };
    if !text.split(',').all(is_known) {
        return Err(
            "must be error, warn, info, debug, trace or off, or directives such as info,storage_backends=debug"
                .to_owned(),
        );
    }
    Ok(LogLevel(text.to_owned()))
}

/// Reads a duration such as `30s`, `500ms`, `1m30s` or `2h`.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let rule = || "must be a duration from 1ms to 24h, such as 500ms, 30s, 1m30s or 2h".to_owned();
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(rule)?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let number: u32 = number.parse().map_err(|_| rule())?;
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            _ => return Err(rule()),
        };
        total = unit
            .checked_mul(number)
            .and_then(|d| total.checked_add(d))
            .ok_or_else(rule)?;
        rest = tail;
    }
    if total.is_zero() || total > MAX_DURATION {
        return Err(rule());
    }
    Ok(total)
}

/// Reads a duration, or the word `off`.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn duration_or_off(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    duration(text).map(Some).map_err(|rule| format!("{rule}, or off"))
}

/// Reads a number of bytes, or the word `off`.
pub(crate) fn size_or_off(text: &str) -> Result<Option<u64>, String> {
    if text == "off" {
        return Ok(None);
    }
    let (number, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        Some(b'T') => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
    let bytes = bytes.filter(|bytes| *bytes > 0 && i64::try_from(*bytes).is_ok());
    let rule = || "must be a number of bytes such as 734003200, 700M or 50G, or off".to_owned();
    bytes.map(Some).ok_or_else(rule)
}

/// Writes a duration as it is read.
pub(crate) fn show(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (0, millis) => format!("{millis}ms"),
        (secs, 0) => format!("{secs}s"),
        (secs, millis) => format!("{secs}s{millis}ms"),
    }
}
