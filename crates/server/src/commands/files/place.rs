//! Places on the command line: `NAME:/PATH`.

use std::str::FromStr;

use storage_domain::FilePath;

/// A backend by its name, and a path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) path: FilePath,
}

impl FromStr for Place {
    type Err = String;

    /// The path begins at the first `:/`: a name may hold colons.
    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(":/").filter(|at| *at > 0);
        let at = split.ok_or("must be the name of a backend, a colon and a path, such as images:/debian")?;
        let path = text[at + 1..].parse::<FilePath>();
        Ok(Self {
            name: text[..at].to_owned(),
            path: path.map_err(|rule| format!("the path {rule}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let place: Place = "lab: nas:/a b/".parse().unwrap();
        assert_eq!((place.name.as_str(), place.path.as_str()), ("lab: nas", "/a b"));
        for text in ["", "images", "/images", ":/images", "images:a", "images:/a/../b"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
