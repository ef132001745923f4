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
    /// Writes the count for people, in binary units: `1.5 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut unit = 0;
        let mut tenths = u128::from(self.0) * 10 / 1024;
        while tenths >= 10_240 && unit + 1 < UNITS.len() {
            tenths /= 1024;
            unit += 1;
        }
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

fn write_fullness(f: &mut impl fmt::Write, used: ByteCount, total: ByteCount) -> fmt::Result {
    write!(f, "{used} of {total} used")
}

/// The sizes and counts of a backend's content. `None` is "not measured", which is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in use.
    pub used: Option<ByteCount>,
    /// Bytes in total, if the kind of storage has a limit.
    pub total: Option<ByteCount>,
    /// Regular files.
    pub file_count: Option<u64>,
    /// Files that are boot or install images by their name ([`crate::TemplatePatterns`]).
    pub template_count: Option<u64>,
}

impl Stats {
    /// Returns the text of [`Capacity`], if both sizes are known.
    pub fn fullness(&self) -> Option<String> {
        let mut text = String::new();
        write_fullness(&mut text, self.used?, self.total?).ok()?;
        Some(text)
    }

    /// Returns whether the sizes differ enough to be reported: the total at all, or the used size by a hundredth of it.
    pub fn is_off(&self, stored: &Self) -> bool {
        let (Some(used), Some(total)) = (self.used, self.total) else {
            return false;
        };
        let (Some(was), true) = (stored.used, stored.total == Some(total)) else {
            return true;
        };
        used.get().abs_diff(was.get()) >= (total.get() / Self::STEPS).max(1)
    }

    /// The number of steps of the used size from empty to full.
    const STEPS: u64 = 100;

    /// Returns whether the sizes differ at all.
    pub fn has_other_sizes(&self, stored: &Self) -> bool {
        let differs = |now: Option<ByteCount>, was| now.is_some() && now != was;
        differs(self.used, stored.used) || differs(self.total, stored.total)
    }
}
