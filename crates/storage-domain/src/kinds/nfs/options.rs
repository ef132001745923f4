//! NFS mount options, after nfs(5) and mount(8).

mod tables;

use std::fmt;
use std::str::FromStr;

use self::tables::{GENERIC, REFUSED, TOOL_OPTIONS, UDP, canonical, check_value};
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
///
/// Shown as typed. Everything else sees one spelling of each option: `rdma` is `proto=rdma`, `nfsvers=4` and `v4` are
/// `vers=4`, and `timeo=050` is `timeo=50`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions(Vec<MountOption>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct MountOption {
    typed: String,
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
        self.last_of(&[key]).is_some()
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
        match (self.value("vers"), self.value("minorversion")) {
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
        let options = self.0.iter().filter(|o| {
            let key = o.key.as_str();
            !GENERIC.contains(&key) && !matches!(key, "vers" | "minorversion")
        });
        options.map(|o| match &o.value {
            Some(value) => format!("{}={value}", o.key),
            None => o.key.clone(),
        })
    }

    /// Returns the flavours of the last `sec`, in the order in which they are tried; none if the kernel chooses.
    pub fn flavors(&self) -> Vec<&str> {
        self.value("sec")
            .map(|list| list.split(':').collect())
            .unwrap_or_default()
    }

    /// Returns whether the transport is RDMA (RFC 8166), in whose place nothing listens on TCP.
    pub fn is_rdma(&self) -> bool {
        self.value("proto") == Some("rdma")
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
        let (key, value) = canonical(key, value);
        Ok(Some(Self {
            typed: text.to_owned(),
            key: key.to_owned(),
            value,
        }))
    }
}

impl fmt::Display for MountOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, option) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(&option.typed)?;
        }
        Ok(())
    }
}
