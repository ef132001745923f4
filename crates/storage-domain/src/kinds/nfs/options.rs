//! NFS mount options, after nfs(5) and mount(8).

mod tables;

use std::fmt;
use std::str::FromStr;

use self::tables::{GENERIC, REFUSED, TOOL_OPTIONS, UDP, check_value};
use crate::fields::{Shape, TextField};
use crate::invalid::Rule;

/// A version of the NFS protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NfsVersion {
    /// RFC 1813.
    V3,
    /// RFC 7530.
    V4_0,
    /// RFC 8881.
    V4_1,
    /// RFC 7862.
    V4_2,
}

impl NfsVersion {
    /// Returns the value of the option `vers`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V4_0 => "4.0",
            Self::V4_1 => "4.1",
            Self::V4_2 => "4.2",
        }
    }
}

impl fmt::Display for NfsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A list of known and harmless mount options for the kernel; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions(Vec<MountOption>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct MountOption {
    key: String,
    value: Option<String>,
}

impl MountOptions {
    /// The longest list, in bytes: mount(2) takes one page of options, and the service adds its own.
    pub const MAX_BYTES: usize = 2048;

    /// Returns whether there is no option.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the option is set, with a value or without one.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|o| o.key == key)
    }

    /// Returns the value of the last option of this name, which the kernel uses.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|o| o.key == key)?.value.as_deref()
    }

    /// Returns the last of several options that exclude each other.
    pub fn last_of(&self, keys: &[&str]) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .map(|o| o.key.as_str())
            .find(|k| keys.contains(k))
    }

    /// Returns whether the mount may be written to: the last of `ro` and `rw`, read-only by default.
    pub fn read_write(&self) -> bool {
        self.last_of(&["ro", "rw"]) == Some("rw")
    }

    /// Returns the versions to try, the newest first; one if the options name it.
    pub fn versions(&self) -> Vec<NfsVersion> {
        use NfsVersion::{V3, V4_0, V4_1, V4_2};
        let said = self
            .0
            .iter()
            .rev()
            .find_map(|o| match (o.key.as_str(), o.value.as_deref()) {
                ("vers" | "nfsvers", Some(version)) => Some(version),
                (switch @ ("v3" | "v4" | "v4.0" | "v4.1" | "v4.2"), _) => Some(&switch[1..]),
                _ => None,
            });
        match (said, self.value("minorversion")) {
            (Some("3"), _) => vec![V3],
            (Some("4.0"), _) | (Some("4"), Some("0")) => vec![V4_0],
            (Some("4.1"), _) | (Some("4") | None, Some("1")) => vec![V4_1],
            (Some("4.2"), _) | (Some("4") | None, Some("2")) => vec![V4_2],
            (Some(_), _) => vec![V4_2, V4_1, V4_0],
            (None, Some(_)) => vec![V4_0],
            (None, None) => vec![V4_2, V4_1, V4_0, V3],
        }
    }

    /// Returns NFS's own options, for mount(2)'s data, without the version (see [`MountOptions::versions`]).
    pub fn nfs_options(&self) -> impl Iterator<Item = String> + '_ {
        let version = |k: &str| {
            matches!(
                k,
                "vers" | "nfsvers" | "minorversion" | "v3" | "v4" | "v4.0" | "v4.1" | "v4.2"
            )
        };
        self.0
            .iter()
            .filter(move |o| !GENERIC.contains(&o.key.as_str()) && !version(&o.key))
            .map(ToString::to_string)
    }

    /// Returns the generic options, which become flags of mount(2).
    pub fn generic_options(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .map(|o| o.key.as_str())
            .filter(|k| GENERIC.contains(k))
    }
}

impl TextField for MountOptions {
    const SHAPE: Shape = Shape::text("LIST", Self::MAX_BYTES);

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for MountOptions {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        let options = text
            .split(',')
            .map(str::trim)
            .filter(|o| !o.is_empty())
            .map(MountOption::parse);
        Ok(Self(
            options.filter_map(Result::transpose).collect::<Result<_, _>>()?,
        ))
    }
}

impl MountOption {
    /// Parses one option; `None` if only mount(8) understands it.
    fn parse(text: &str) -> Result<Option<Self>, Rule> {
        let (key, value) = text.split_once('=').map_or((text, None), |(k, v)| (k, Some(v)));
        if TOOL_OPTIONS.contains(&key) || key.starts_with("x-") || key.starts_with("X-") {
            return Ok(None);
        }
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == key) {
            return Err(Rule::new(format!("must not contain {key}, which {why}")));
        }
        if value == Some("udp") || value == Some("udp6") {
            return Err(Rule::new(format!("must not contain {key}=udp, which {UDP}")));
        }
        check_value(key, value)?;
        Ok(Some(Self {
            key: key.to_owned(),
            value: value.map(str::to_owned),
        }))
    }
}

impl fmt::Display for MountOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => f.write_str(&self.key),
        }
    }
}

impl fmt::Display for MountOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, option) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            option.fmt(f)?;
        }
        Ok(())
    }
}
