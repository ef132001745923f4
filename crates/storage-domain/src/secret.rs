//! Text that must never be shown.

use std::fmt;

use zeroize::Zeroizing;

use crate::invalid::Rule;

/// A password, token or key. It has no `Display` and no `Serialize`, its `Debug` shows nothing, and its memory is
/// wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The longest secret that is accepted, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// Makes a secret.
    ///
    /// # Errors
    /// The rule that it breaks: it is empty, too long, or has control characters, which neither HTTP (RFC 7617,
    /// section 2) nor CHAP allows.
    pub fn new(text: impl Into<String>) -> Result<Self, Rule> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(Rule::new("must not be empty"));
        }
        Rule::at_most_bytes(&text, Self::MAX_BYTES)?;
        if text.chars().any(char::is_control) {
            return Err(Rule::new(
                "must not contain control characters such as a line break",
            ));
        }
        Ok(Self(text))
    }

    /// Returns the secret itself, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}
