//! Mistakes of an input, collected over the whole of it.

use std::borrow::Cow;
use std::fmt;

/// A rule that a value breaks, as the predicate of a sentence whose subject is the field: "must be …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rule(Cow<'static, str>);

impl Rule {
    /// Makes a rule from a predicate such as "must be an absolute path". It must not hold a secret.
    pub fn new(predicate: impl Into<Cow<'static, str>>) -> Self {
        Self(predicate.into())
    }

    /// The rule of every text that has a longest length, in bytes.
    ///
    /// # Errors
    /// The rule itself, where `text` is longer than `max`.
    pub fn at_most_bytes(text: &str, max: usize) -> Result<(), Self> {
        if text.len() > max {
            return Err(Self::new(format!("must be at most {max} bytes long")));
        }
        Ok(())
    }
}

/// One mistake: where it is and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// A JSON Pointer (RFC 6901) from the root of the request body; "" is the body itself.
    pub pointer: String,
    /// One plain sentence, without a secret.
    pub detail: String,
}

impl Invalid {
    /// Makes a mistake of the member `field` below `parent` (a JSON Pointer).
    pub fn at(parent: &str, field: &str, rule: &Rule) -> Self {
        Self {
            pointer: format!("{parent}/{}", escape(field)),
            detail: format!("{} {rule}", excerpt(field)),
        }
    }
}

/// Escapes a reference token as RFC 6901, section 3, says.
fn escape(token: &str) -> Cow<'_, str> {
    if token.contains(['~', '/']) {
        Cow::Owned(token.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(token)
    }
}

/// The longest part of an unknown word that a message repeats, in characters.
const MAX_EXCERPT_CHARS: usize = 40;

/// The beginning of a foreign word, fit for a sentence.
pub(crate) fn excerpt(word: &str) -> String {
    let plain = word.chars().filter(|c| !c.is_control());
    let mut shown: String = plain.take(MAX_EXCERPT_CHARS).collect();
    if word.chars().count() > MAX_EXCERPT_CHARS {
        shown.push('…');
    }
    shown
}

/// All mistakes of one input; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput(Vec<Invalid>);

impl InvalidInput {
    /// `Ok` where there is no mistake.
    ///
    /// # Errors
    /// All of `problems`, where there are any.
    pub fn check(problems: Vec<Invalid>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self(problems))
        }
    }

    /// The mistakes, in the order in which they were found.
    pub fn problems(&self) -> &[Invalid] {
        &self.0
    }

    /// Gives the mistakes away, to be collected with others.
    pub fn into_problems(self) -> Vec<Invalid> {
        self.0
    }
}

impl From<Invalid> for InvalidInput {
    fn from(problem: Invalid) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&problem.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidInput {}
