//! What is never evicted.

use std::str::FromStr;

use storage_domain::{BackendName, FilePath, Rule};

/// A file of a backend, or all that is below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    backend: BackendName,
    path: FilePath,
}

impl Pin {
    /// Returns whether this pins a file.
    pub(super) fn holds(&self, backend: &str, path: &FilePath) -> bool {
        self.backend.as_str() == backend && (self.path == *path || path.is_below(&self.path))
    }
}

impl FromStr for Pin {
    type Err = Rule;

    /// Reads `images:/boot`.
    fn from_str(text: &str) -> Result<Self, Rule> {
        let rule = || Rule::new("must be a backend's name, a colon and a path, such as images:/boot");
        let (backend, path) = text.split_once(":/").ok_or_else(rule)?;
        Ok(Self {
            backend: backend.parse()?,
            path: format!("/{path}").parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("images:/boot", "/boot/a/b", true)]
    #[case("images:/boot/", "/boot", true)]
    #[case("images:/", "/a", true)]
    #[case("images:/boot", "/bootleg", false)]
    #[case("other:/boot", "/boot/a", false)]
    fn pins(#[case] text: &str, #[case] path: &str, #[case] holds: bool) {
        let pin: Pin = text.parse().unwrap();
        assert_eq!(pin.holds("images", &path.parse().unwrap()), holds);
    }

    #[rstest]
    #[case("")]
    #[case("images")]
    #[case("images:boot")]
    #[case(":/boot")]
    #[case("images:/../a")]
    fn no_pins(#[case] text: &str) {
        assert!(text.parse::<Pin>().is_err());
    }
}
