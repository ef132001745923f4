//! Paths of files within a backend.

use std::str::FromStr;

use crate::invalid::Rule;
use crate::text::text;

/// The path of a file or directory within a backend: `/`, or `/` and segments; none of them is empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

text!(
    FilePath,
    "Returns the path, with a slash at its beginning and none at its end."
);

impl FilePath {
    /// The longest path, in bytes: `PATH_MAX` without its NUL.
    pub const MAX_BYTES: usize = 4095;

    /// Returns the path of the root directory.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Returns whether this is the root directory.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// Returns the path below the root, without a slash at either end; empty for the root.
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// Returns the segments, none for the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.relative().split('/').filter(|segment| !segment.is_empty())
    }

    /// Returns the last segment; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the directory that holds this; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.rfind('/').filter(|_| !self.is_root())?;
        Some(Self(self.0[..slash.max(1)].to_owned()))
    }

    /// Returns whether this is in a directory, at any depth.
    pub fn is_below(&self, directory: &Self) -> bool {
        let rest = self.0.strip_prefix(directory.0.trim_end_matches('/'));
        !self.is_root() && rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// Returns the path of an entry of this directory.
    ///
    /// # Errors
    /// The rule that the name, or the path, breaks.
    pub fn join(&self, name: &str) -> Result<Self, Rule> {
        if name.contains('/') {
            return Err(Rule::new("must be one name without a slash"));
        }
        let parent = self.0.trim_end_matches('/');
        check(&format!("{parent}/{name}")).map(|path| Self(path.to_owned()))
    }
}

impl FromStr for FilePath {
    type Err = Rule;

    /// Drops one slash at the end.
    fn from_str(text: &str) -> Result<Self, Rule> {
        if !text.starts_with('/') {
            return Err(Rule::new("must begin with /, as in /images/debian.iso"));
        }
        if text == "/" {
            return Ok(Self::root());
        }
        check(text.strip_suffix('/').unwrap_or(text)).map(|path| Self(path.to_owned()))
    }
}

/// Checks a path other than the root.
fn check(path: &str) -> Result<&str, Rule> {
    Rule::at_most_bytes(path, FilePath::MAX_BYTES)?;
    if path.contains('\0') {
        return Err(Rule::new("must not contain a NUL character"));
    }
    match path[1..].split('/').find(|s| matches!(*s, "" | "." | "..")) {
        Some("") => Err(Rule::new(
            "must not contain an empty segment; write one slash between names",
        )),
        Some(_) => Err(Rule::new(
            "must not contain a . or .. segment; name the directory itself",
        )),
        None => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/", "/", "")]
    #[case("/a", "/a", "a")]
    #[case("/a/", "/a", "a")]
    #[case("/a b/%41+ü/...", "/a b/%41+ü/...", "...")]
    fn paths(#[case] text: &str, #[case] path: &str, #[case] name: &str) {
        let parsed: FilePath = text.parse().unwrap();
        assert_eq!((parsed.as_str(), parsed.name()), (path, name));
        assert_eq!(parsed.segments().last().unwrap_or_default(), name);
        assert_eq!(parsed.to_string().parse(), Ok(parsed.clone()));
        let parent = parsed.parent();
        assert_eq!(
            parent.map(|p| p.join(name).unwrap()),
            (path != "/").then_some(parsed)
        );
    }

    #[rstest]
    #[case("")]
    #[case("a")]
    #[case("//")]
    #[case("/a//b")]
    #[case("/a//")]
    #[case("/./a")]
    #[case("/a/..")]
    #[case("/a\0")]
    fn what_is_not_a_path(#[case] text: &str) {
        assert!(text.parse::<FilePath>().is_err());
    }

    #[rstest]
    #[case("/a/b", "/a", true)]
    #[case("/a/b/c", "/a", true)]
    #[case("/a", "/", true)]
    #[case("/a", "/a", false)]
    #[case("/ab", "/a", false)]
    #[case("/", "/", false)]
    fn what_is_in_a_directory(#[case] path: &str, #[case] directory: &str, #[case] is_below: bool) {
        let [path, directory] = [path, directory].map(|text| text.parse::<FilePath>().unwrap());
        assert_eq!(path.is_below(&directory), is_below);
    }

    #[rstest]
    #[case("b", true)]
    #[case("b/c", false)]
    #[case("..", false)]
    #[case("", false)]
    fn names_of_entries(#[case] name: &str, #[case] is_valid: bool) {
        assert_eq!(FilePath::root().join(name).is_ok(), is_valid);
    }
}
