//! The directories that file servers keep for themselves.

use std::sync::Arc;

use crate::invalid::Rule;

/// The names of directories that are not counted, in any case; one that ends in `*` stands for all that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredDirectories {
    /// Shared: each backend has them.
    names: Arc<[String]>,
}

impl IgnoredDirectories {
    /// The default names: snapshots, recycle bins and metadata.
    pub const DEFAULT_NAMES: [&str; 12] = [
        ".snapshot",
        ".zfs",
        "~snapshot",
        "#snapshot",
        ".ckpt",
        "#recycle",
        "@Recycle",
        "@eaDir",
        ".Trash-*",
        "lost+found",
        "$RECYCLE.BIN",
        "System Volume Information",
    ];
    /// The longest name, in bytes (`NAME_MAX`).
    pub const MAX_NAME_BYTES: usize = 255;
    /// The most names.
    pub const MAX_NAMES: usize = 100;

    /// Makes the list from names.
    ///
    /// # Errors
    /// The rule that a name, or the list, breaks.
    pub fn new<S: AsRef<str>>(names: &[S]) -> Result<Self, Rule> {
        if names.len() > Self::MAX_NAMES {
            return Err(Rule::new(format!("must hold at most {} names", Self::MAX_NAMES)));
        }
        let names: Arc<[String]> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        if names.iter().all(|name| is_name(name)) {
            return Ok(Self { names });
        }
        Err(Rule::new(format!(
            "must hold names of directories of 1 to {} bytes without a slash, such as .snapshot; a * may end one, such as .Trash-*",
            Self::MAX_NAME_BYTES
        )))
    }

    /// Returns whether a directory of this name is not counted.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.names.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name
                .get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes())),
            None => name.eq_ignore_ascii_case(known.as_bytes()),
        })
    }

    /// Returns the names.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Default for IgnoredDirectories {
    fn default() -> Self {
        Self {
            names: Self::DEFAULT_NAMES.iter().map(ToString::to_string).collect(),
        }
    }
}

fn is_name(name: &str) -> bool {
    let start = name.strip_suffix('*').unwrap_or(name);
    let has_length = !start.is_empty() && name.len() <= IgnoredDirectories::MAX_NAME_BYTES;
    has_length
        && !matches!(start, "." | "..")
        && !start.chars().any(|c| matches!(c, '/' | '*') || c.is_control())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(".snapshot", true)]
    #[case("$Recycle.Bin", true)]
    #[case(".Trash-1000", true)]
    #[case("system volume information", true)]
    #[case(".snapshots", false)]
    #[case(".Trash", false)]
    #[case("images", false)]
    fn defaults(#[case] name: &str, #[case] ignored: bool) {
        assert_eq!(IgnoredDirectories::default().matches(name.as_bytes()), ignored);
    }

    #[rstest]
    #[case(&[], true)]
    #[case(&["@sharebin", "tmp*"], true)]
    #[case(&["*"], false)]
    #[case(&["a*b"], false)]
    #[case(&["a/b"], false)]
    #[case(&[".."], false)]
    #[case(&[""], false)]
    fn lists(#[case] names: &[&str], #[case] valid: bool) {
        let list = IgnoredDirectories::new(names);
        assert_eq!(list.is_ok(), valid);
        assert_eq!(
            IgnoredDirectories::new(&IgnoredDirectories::DEFAULT_NAMES),
            Ok(IgnoredDirectories::default())
        );
    }
}
