//! Conditional requests (RFC 9110, section 13) on the version of a backend.

use storage_domain::Backend;
use storage_persistence::SHOWN_FORM;

use super::AppError;

/// Returns the strong entity tag of a backend of this version (RFC 9110, section 8.8.3), quotes included.
pub fn entity_tag(version: i64) -> String {
    format!("\"{SHOWN_FORM}.{version}\"")
}

/// The entity tags that a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    /// Tags with their quotes; `true` marks a weak one.
    Listed(Vec<(bool, String)>),
    /// No list of entity tags: it matches nothing.
    Unreadable,
}

impl Tags {
    /// Reads the field's lines.
    fn parse(field: &str) -> Self {
        Self::list(field).unwrap_or(Self::Unreadable)
    }

    fn list(field: &str) -> Option<Self> {
        let mut rest = field.trim();
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        while !rest.is_empty() {
            let (weak, opaque) = match rest.strip_prefix("W/") {
                Some(after) => (true, after),
                None => (false, rest),
            };
            let inner = opaque.strip_prefix('"')?;
            let (tag, after) = inner.split_once('"')?;
            tags.push((weak, format!("\"{tag}\"")));
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) => next.trim_start_matches([' ', '\t', ',']),
                None if after.is_empty() => after,
                None => return None,
            };
        }
        (!tags.is_empty()).then_some(Self::Listed(tags))
    }

    /// Weak tags match nothing (RFC 9110, section 8.8.3.2).
    fn match_strongly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|(weak, t)| !weak && t == tag),
            Self::Unreadable => false,
        }
    }

    fn match_weakly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|(_, t)| t == tag),
            Self::Unreadable => false,
        }
    }
}

/// The conditions of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Preconditions {
    /// Reads the two fields. An `If-Match` that can't be read never holds; such an `If-None-Match` is ignored, as no
    /// cache ever sent it.
    pub fn new(if_match: Option<&str>, if_none_match: Option<&str>) -> Self {
        Self {
            if_match: if_match.map(Tags::parse),
            if_none_match: if_none_match.map(Tags::parse),
        }
    }

    /// Whether the backend may be changed.
    ///
    /// # Errors
    /// [`AppError::Precondition`].
    pub(crate) fn allow_change(&self, backend: &Backend) -> Result<(), AppError> {
        let tag = entity_tag(backend.version);
        let unwanted = self.if_none_match.as_ref().is_some_and(|t| t.match_weakly(&tag));
        if unwanted || !self.if_match_holds(&tag) {
            return Err(AppError::Precondition);
        }
        Ok(())
    }

    /// Whether the client has this representation already.
    ///
    /// # Errors
    /// [`AppError::Precondition`] where `If-Match` does not hold.
    pub fn not_modified(&self, tag: &str) -> Result<bool, AppError> {
        if !self.if_match_holds(tag) {
            return Err(AppError::Precondition);
        }
        Ok(self.if_none_match.as_ref().is_some_and(|t| t.match_weakly(tag)))
    }

    /// Whether the client said which version it changes; `*` is any.
    pub(crate) fn names_version(&self) -> bool {
        self.if_match.as_ref().is_some_and(|tags| *tags != Tags::Any)
    }

    /// Returns whether there is an `If-Match`, which makes a date superfluous.
    pub(crate) fn has_if_match(&self) -> bool {
        self.if_match.is_some()
    }

    /// Returns whether there is an `If-None-Match`, which makes a date superfluous.
    pub(crate) fn has_if_none_match(&self) -> bool {
        self.if_none_match.is_some()
    }

    fn if_match_holds(&self, tag: &str) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.match_strongly(tag))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{AppError, Preconditions};

    const TAG: &str = "\"1.7\"";

    #[rstest]
    #[case("\"1.7\"", true)]
    #[case("*", true)]
    #[case(" \"a,b\" , \"1.7\"", true)]
    #[case("\"x\",,\"1.7\",", true)]
    #[case("W/\"1.7\"", false)]
    #[case("\"1.8\"", false)]
    #[case("1.7", false)]
    #[case("\"1.7", false)]
    #[case("", false)]
    fn if_match_compares_strongly(#[case] field: &str, #[case] holds: bool) {
        let conditions = Preconditions::new(Some(field), None);
        let answer = conditions.not_modified(TAG);
        assert_eq!(matches!(answer, Ok(false)), holds, "{answer:?}");
        assert!(holds || matches!(answer, Err(AppError::Precondition)));
    }

    #[rstest]
    #[case("\"1.7\"", true)]
    #[case("W/\"1.7\"", true)]
    #[case("*", true)]
    #[case("\"a\", W/\"1.7\"", true)]
    #[case("\"1.70\"", false)]
    #[case("1.7", false)]
    fn if_none_match_compares_weakly(#[case] field: &str, #[case] not_modified: bool) {
        let conditions = Preconditions::new(None, Some(field));
        assert_eq!(conditions.not_modified(TAG).unwrap(), not_modified);
    }
}
