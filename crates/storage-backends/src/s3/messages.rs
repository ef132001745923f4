//! What a probe of a bucket found, in sentences that say what to do.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use storage_domain::S3Config;
use storage_domain::s3::Addressing;
use url::Url;

use crate::probe::Figure;
use crate::s3::SETTING;
use crate::s3::encoding::is_stand_in;
use crate::s3::place::is_address;
use crate::web::Error;

mod refusal;

pub(crate) use refusal::{Asked, Refusal};

/// A difference of the clocks that does not matter.
const SMALL_SKEW: Duration = Duration::from_mins(1);
/// The difference from which on AWS refuses requests.
const REFUSED_SKEW: Duration = Duration::from_mins(15);

/// What a check found. Its `Display` is the sentence.
#[derive(Debug)]
pub(crate) enum Finding {
    /// The key was not refused, signed for this region.
    Accepted(String),
    Unsigned,
    Exists(Asked),
    NotMissing(Asked),
    /// The server could not answer.
    NoAnswer,
    /// The server refuses the request for its time.
    WrongTime,
    Listed {
        prefix: String,
        is_empty: bool,
    },
    Refused(Refusal),
    /// No host name of a bucket can end with the address of this endpoint.
    NoHostName(Url),
    /// The host name of the bucket is not known, or not that of the server's certificate.
    NoSuchHost(Error),
    /// The server hung up on a request without TLS.
    ClosedPlain(Error),
    RefusedForTime(Refusal, Clock),
    Clock(Clock),
    /// The same, as a reservation.
    Skewed(Clock),
    /// Nothing is below this prefix: a reservation.
    Empty(String),
    CanBeListed(String),
    CdnOff,
    Cdn {
        at: String,
        found: Cdn,
    },
}

/// How far the server's clock is from this host's; `None` if the server does not say its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(pub(crate) Option<Duration>);

impl Clock {
    /// Returns whether the difference has to be mended.
    pub(crate) fn is_wrong(self) -> bool {
        self.0.is_some_and(|skew| skew > SMALL_SKEW)
    }

    fn by(self) -> impl fmt::Display {
        fmt::from_fn(move |f| match self.0.unwrap_or_default().as_secs() {
            seconds @ 0..=119 => write!(f, " by {seconds} s"),
            seconds => write!(f, " by {} min", seconds / 60),
        })
    }
}

/// What a content delivery network answered.
#[derive(Debug)]
pub(crate) enum Cdn {
    Serves,
    /// It answers, and there is no object to ask for.
    Answers,
    Lacks(String),
    Refuses(String, StatusCode),
    Fails(String, StatusCode),
    IsBroken(StatusCode),
}

/// Returns what the place of a bucket costs. The rules for new buckets keep those names out that no host name can begin
/// with.
pub(crate) fn warning(config: &S3Config) -> Option<String> {
    let (bucket, endpoint) = (&config.bucket, config.endpoint.url());
    let is_virtual = config.addressing == Addressing::Virtual;
    if is_virtual && is_address(endpoint) {
        return Some(Finding::NoHostName(endpoint.as_url().clone()).to_string());
    }
    let why = if bucket.fits_host_name() {
        return None;
    } else if is_virtual {
        "set addressing to path, or the server will look for another one"
    } else {
        "requests name it in the path, which the server has to allow"
    };
    Some(format!(
        "No host name can begin with {bucket}, and S3 has no such name for a new bucket: {why}"
    ))
}

/// The most of a server's own words that a sentence repeats, in characters.
const OWN_WORDS: usize = 300;

/// Makes a server's words fit for a sentence: one line of what can be seen, and not too long.
pub(crate) fn clean(words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_hidden = |c: char| {
        let turns_or_hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        c.is_control() || turns_or_hides
    };
    let plain = words.chars().filter(|c| !is_hidden(*c));
    let plain = plain.map(|c| {
        if is_stand_in(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    });
    plain.take(OWN_WORDS).collect()
}

impl Finding {
    /// Returns whether nothing was found below the prefix.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Listed { is_empty: true, .. })
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_none() {
            return f.write_str("The server does not send its time");
        }
        write!(f, "The clocks of this host and of the server differ{}", self.by())?;
        if !self.is_wrong() {
            return Ok(());
        }
        let limit = REFUSED_SKEW.as_secs() / 60;
        write!(
            f,
            ": set them by NTP, most servers refuse requests that are more than {limit} min off"
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(region) => write!(
                f,
                "The server did not refuse the access key, signed for the region {region}"
            ),
            Self::Unsigned => f.write_str("No secret_access_key is set, so that requests are not signed"),
            Self::Exists(asked) => write!(f, "There is {asked}"),
            Self::NotMissing(asked) => write!(f, "The server does not say that {asked} is missing"),
            Self::NoAnswer => f.write_str("Not checked, because the server's answer does not show it"),
            Self::WrongTime => {
                f.write_str("Not checked, because the server refuses the request for its time")
            }
            Self::Listed { prefix, is_empty } => {
                f.write_str("Objects can be listed")?;
                f.write_str(if *is_empty { "; there is none" } else { "" })?;
                if !prefix.is_empty() {
                    write!(f, " below {prefix}")?;
                }
                f.write_str(if *is_empty { " yet" } else { "" })
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NoHostName(endpoint) => write!(
                f,
                "No host name can end with an address such as {}, and addressing is virtual, which puts the bucket into the host name: set endpoint to the server's host name, or addressing to path",
                endpoint.host_str().unwrap_or_default()
            ),
            Self::NoSuchHost(error) => write!(
                f,
                "{}; or set addressing to path, if the server has no host name for each bucket",
                error.sentence(SETTING)
            ),
            Self::ClosedPlain(error) => write!(
                f,
                "{}; if this port expects https, begin endpoint with https://",
                error.sentence(SETTING)
            ),
            Self::RefusedForTime(refusal, clock) => {
                refusal.fmt(f)?;
                f.write_str(" (")?;
                Figure(clock).fmt(f)?;
                f.write_str(")")
            }
            Self::Clock(clock) => clock.fmt(f),
            Self::Skewed(clock) => {
                f.write_str("The clocks of this host and of the server differ")?;
                Figure(clock.by()).fmt(f)?;
                f.write_str(": set them by NTP before the server refuses requests")
            }
            Self::Empty(prefix) if prefix.is_empty() => f.write_str("It holds no object yet"),
            Self::Empty(prefix) => write!(f, "No object is below {prefix}, so check prefix"),
            Self::CanBeListed(bucket) => write!(f, "The bucket {bucket} can be listed"),
            Self::CdnOff => f.write_str("cdn_enabled is false, so that clients read from the bucket itself"),
            Self::Cdn { at, found } => found.write(f, at),
        }
    }
}

impl Cdn {
    fn write(&self, f: &mut fmt::Formatter<'_>, at: &str) -> fmt::Result {
        match self {
            Self::Serves => write!(f, "{at} gives out the bucket's objects"),
            Self::Answers => write!(
                f,
                "{at} answers; whether it gives out the bucket shows once there is an object"
            ),
            Self::Lacks(key) => write!(
                f,
                "{at} does not have {key}, which is in the bucket: check cdn_url, and the network's origin"
            ),
            Self::Refuses(key, status) => write!(
                f,
                "{at} refuses to give out {key} ({status}): boot clients have no key, so allow the network to read the bucket"
            ),
            Self::Fails(key, status) => {
                write!(f, "{at} answers {status} for {key}: look into the network's log")
            }
            Self::IsBroken(status) => write!(f, "{at} answers {status}: look into the network's log"),
        }
    }
}
