//! How long a token is of use.

use std::str::FromStr;

use time::{Duration, OffsetDateTime};

use crate::invalid::Rule;

/// How long a token is of use: whole minutes (`30m`), hours (`12h`) or days (`90d`), or `never` ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(Option<Duration>);

impl Lifetime {
    /// The longest that ends at all.
    pub const MAX_DAYS: i64 = 3650;
    /// Where nothing else is said, in the form that it is written in.
    pub const DEFAULT: &'static str = "90d";

    /// How long; `None` is for ever.
    pub fn duration(self) -> Option<Duration> {
        self.0
    }

    /// When a token that is made now is of no use any more; `None` is never.
    pub fn end(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        self.0.map(|duration| now.saturating_add(duration))
    }
}

impl FromStr for Lifetime {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let rule = || {
            Rule::new(format!(
                "must be a number of days, hours or minutes such as 90d, 12h or 30m, at most {}d, or never",
                Self::MAX_DAYS
            ))
        };
        if text == "never" {
            return Ok(Self(None));
        }
        let (number, unit) = text
            .char_indices()
            .next_back()
            .map(|(at, unit)| (&text[..at], unit))
            .ok_or_else(rule)?;
        let number: u32 = Some(number)
            .filter(|n| n.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|n| n.parse().ok())
            .ok_or_else(rule)?;
        let duration = match unit {
            'd' => Duration::days(number.into()),
            'h' => Duration::hours(number.into()),
            'm' => Duration::minutes(number.into()),
            _ => return Err(rule()),
        };
        if duration.is_zero() || duration > Duration::days(Self::MAX_DAYS) {
            return Err(rule());
        }
        Ok(Self(Some(duration)))
    }
}
