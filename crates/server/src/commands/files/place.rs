//! Places on the command line: `NAME:/PATH`, or a local path.

use std::convert::Infallible;
use std::path::PathBuf;
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

/// One end of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Local(PathBuf),
    /// The second member says that a slash is at the end: it is a directory.
    Remote(Place, bool),
}

impl FromStr for End {
    type Err = String;

    /// What begins with `/` or `.` is local, and what has no `:/`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with(['/', '.']) || !text.contains(":/") {
            let Ok(path) = PathBuf::from_str(text) as Result<_, Infallible>;
            return Ok(Self::Local(path));
        }
        Ok(Self::Remote(text.parse()?, text.ends_with('/')))
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

    #[test]
    fn ends_of_copies() {
        for text in ["a.iso", "./a:/b", "/srv/a:/b", "c:a"] {
            assert_eq!(text.parse(), Ok(End::Local(text.into())));
        }
        let place = "images:/a".parse().unwrap();
        assert_eq!("images:/a/".parse(), Ok(End::Remote(place, true)));
        assert!("images:/a//b".parse::<End>().is_err());
    }
}
