//! The lifetime of a token.

use std::str::FromStr;

use time::{Duration, OffsetDateTime};

use crate::invalid::Rule;

/// A token's lifetime: minutes (`30m`), hours (`12h`) or days (`90d`), or `never` for no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(Option<Duration>);

impl Lifetime {
    /// The longest lifetime with an end, in days.
    pub const MAX_DAYS: i64 = 3650;
    /// The default, as text.
    pub const DEFAULT: &'static str = "90d";

    /// Returns the duration; `None` has no end.
    pub fn duration(self) -> Option<Duration> {
        self.0
    }

    /// Returns when a token that is made now expires; `None` is never.
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
