//! Sizes and counts that a storage server reports.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes, at most `i64::MAX`, so that every database and every JSON reader can hold it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64")]
pub struct ByteCount(u64);

impl ByteCount {
    /// The largest count.
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());

    /// Makes a count of at most [`ByteCount::MAX`].
    pub fn saturating(bytes: u64) -> Self {
        Self(bytes.min(Self::MAX.0))
    }

    /// Returns the bytes of `blocks` blocks of `size` bytes each, at most [`ByteCount::MAX`].
    pub fn of_blocks(blocks: u64, size: u64) -> Self {
        Self::saturating(blocks.saturating_mul(size))
    }

    /// Returns the number of bytes.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the number of bytes as databases store it.
    pub fn to_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

/// Keeps the limit if a count is read from another process.
impl From<u64> for ByteCount {
    fn from(bytes: u64) -> Self {
        Self::saturating(bytes)
    }
}

impl fmt::Display for ByteCount {
    /// Writes the count for people, in binary units and rounded to the nearest tenth: `1.5 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let (mut unit, mut size) = (0, 1024_u128);
        let tenths = |size: u128| (u128::from(self.0) * 10 + size / 2) / size;
        while tenths(size) >= 10_240 && unit + 1 < UNITS.len() {
            size *= 1024;
            unit += 1;
        }
        let tenths = tenths(size);
        write!(f, "{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// The capacity of a file system, from `statvfs(3)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// `(f_blocks - f_bfree) * f_frsize`.
    pub used: ByteCount,
    /// `f_blocks * f_frsize`.
    pub total: ByteCount,
    /// `f_bavail * f_frsize`: what an unprivileged user may still write.
    pub available: ByteCount,
}

impl Capacity {
    /// Returns it if the file system has a size: one without blocks reports 0 for what is not known.
    pub fn known(self) -> Option<Self> {
        (self.total.get() > 0).then_some(self)
    }
}

impl fmt::Display for Capacity {
    /// Writes it for people: `1.5 GiB of 4.0 GiB used`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_fullness(f, self.used, self.total)
    }
}

pub(crate) fn write_fullness(f: &mut impl fmt::Write, used: ByteCount, total: ByteCount) -> fmt::Result {
    write!(f, "{used} of {total} used")
}
