//! What keys begin with.

use std::str::FromStr;

use crate::invalid::Rule;
use crate::text::text;

/// What the keys of objects begin with, such as `images/`. It is compared as it is: no slash is added or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(String);

text!(KeyPrefix, "The prefix.");

impl KeyPrefix {
    /// The longest prefix, in bytes of UTF-8: that of a key.
    pub const MAX_BYTES: usize = 1024;
}

impl FromStr for KeyPrefix {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        if text.chars().any(char::is_control) {
            return Err(Rule::new("must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}
