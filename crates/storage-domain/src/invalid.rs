//! The mistakes of an input.

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

    /// Refuses a text that is longer than `max` bytes.
    ///
    /// # Errors
    /// The rule, with the limit.
    pub fn at_most_bytes(text: &str, max: usize) -> Result<(), Self> {
        if text.len() > max {
            return Err(Self::new(format!("must be at most {max} bytes long")));
        }
        Ok(())
    }
}

/// One mistake: a member of the request's body, and the rule that it breaks.
///
/// `Display` writes one plain sentence without a secret: "server must not begin with a hyphen".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    parent: &'static str,
    field: String,
    item: Option<usize>,
    rule: Rule,
}

impl Invalid {
    /// Makes a mistake of the member `field` below `parent` (a JSON Pointer; "" is the body itself).
    pub fn at(parent: &'static str, field: &str, rule: &Rule) -> Self {
        Self {
            parent,
            field: field.to_owned(),
            item: None,
            rule: rule.clone(),
        }
    }

    /// Makes it the mistake of one item of a member that is a list.
    #[must_use]
    pub fn of_item(mut self, index: usize) -> Self {
        self.item = Some(index);
        self
    }

    /// Returns the name of the member.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns the rule that it breaks.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Returns its JSON Pointer (RFC 6901) from the root of the request's body.
    pub fn pointer(&self) -> String {
        let mut pointer = format!("{}/", self.parent);
        for c in self.field.chars() {
            match c {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                c => pointer.push(c),
            }
        }
        if let Some(index) = self.item {
            pointer.push('/');
            pointer.push_str(&index.to_string());
        }
        pointer
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = excerpt(&self.field);
        match self.item {
            Some(index) => write!(f, "{field}/{index} {}", self.rule),
            None => write!(f, "{field} {}", self.rule),
        }
    }
}

/// The longest part of an unknown name that a message repeats, in characters.
const MAX_EXCERPT_CHARS: usize = 40;

/// Returns the beginning of a name that a client chose, without control characters.
pub(crate) fn excerpt(name: &str) -> String {
    let plain = name.chars().filter(|c| !c.is_control());
    let mut shown: String = plain.take(MAX_EXCERPT_CHARS).collect();
    if name.chars().count() > MAX_EXCERPT_CHARS {
        shown.push('…');
    }
    shown
}

/// All mistakes of one input; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput(Vec<Invalid>);

impl InvalidInput {
    /// Returns `Ok` if there is no mistake.
    ///
    /// # Errors
    /// All of `problems`, if there are any.
    pub fn check(problems: Vec<Invalid>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self(problems))
        }
    }

    /// Returns the mistakes, in the order in which they were found.
    pub fn problems(&self) -> &[Invalid] {
        &self.0
    }

    /// Returns the mistakes, to be collected with others.
    pub fn into_problems(self) -> Vec<Invalid> {
        self.0
    }
}

impl From<Invalid> for InvalidInput {
    fn from(problem: Invalid) -> Self {
        Self(vec![problem])
    }
}

/// Writes the mistakes as one line: "server is required; port must be a number from 1 to 65535".
impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidInput {}
