//! The path of an export.

use std::str::FromStr;

use crate::fields::{Shape, TextField};
use crate::invalid::Rule;
use crate::text::text;

/// The directory that an NFS server exports (RFC 1813, RFC 8881): absolute, without NUL and `..` segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExportPath(String);

text!(ExportPath, "Returns the path as it was entered.");

impl ExportPath {
    /// The longest path, in bytes (`PATH_MAX`).
    pub const MAX_BYTES: usize = 4096;

    /// Returns the path without doubled or trailing slashes and `.` segments; "/" for the root. Two exports are the
    /// same if these are.
    pub fn normalized(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for segment in self.0.split('/').filter(|s| !s.is_empty() && *s != ".") {
            out.push('/');
            out.push_str(segment);
        }
        if out.is_empty() { "/".to_owned() } else { out }
    }

    /// Returns whether this directory is `other` or below it, by path segments.
    pub fn is_within(&self, other: &Self) -> bool {
        let (mine, others) = (self.normalized(), other.normalized());
        others == "/"
            || mine
                .strip_prefix(&others)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for ExportPath {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if !text.starts_with('/') {
            return Err(Rule::new(
                "must be an absolute path that begins with /, such as /srv/images",
            ));
        }
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        if text.contains('\0') {
            return Err(Rule::new("must not contain a NUL character"));
        }
        if text.split('/').any(|s| s == "..") {
            return Err(Rule::new(
                "must not contain a .. segment; name the directory itself",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TextField for ExportPath {
    const SHAPE: Shape = Shape::text("PATH", Self::MAX_BYTES);
}
