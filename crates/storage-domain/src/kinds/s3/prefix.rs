//! The prefix of keys.

use std::str::FromStr;

use crate::fields::{Shape, TextField};
use crate::invalid::Rule;
use crate::text::text;

/// The prefix of the keys of objects, such as `images/`. It is used as it is: no slash is added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(String);

text!(KeyPrefix, "Returns the prefix.");

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

impl TextField for KeyPrefix {
    const SHAPE: Shape = Shape::text("PREFIX", Self::MAX_BYTES);
}
