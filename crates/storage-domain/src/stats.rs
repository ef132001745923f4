//! What is known of a backend's content.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capacity::{ByteCount, write_fullness};

/// The sizes and counts of a backend's content. `None` is "not measured", which is not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in use.
    pub used: Option<ByteCount>,
    /// Bytes in total, if the kind of storage has a limit.
    pub total: Option<ByteCount>,
    /// Regular files.
    pub file_count: Option<u64>,
    /// Files that are boot or install images by their name ([`crate::TemplatePatterns`]).
    pub template_count: Option<u64>,
    /// What the last count could not read; `None` if it was complete.
    pub incomplete: Option<Incomplete>,
    /// What the last count left out on purpose; `None` if nothing was.
    pub skipped: Option<Skipped>,
}

/// Says that a count could not read everything. Its figures are lower bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// How many directories and files could not be read, and bounds that ended the count.
    pub errors: u64,
    /// The first of them, with its cause, such as `private/: 401`.
    pub first: String,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { errors, first } = self;
        match errors {
            0 | 1 => write!(f, "the count is incomplete ({first})"),
            _ => write!(f, "the count is incomplete ({errors} errors, the first: {first})"),
        }
    }
}

/// Says what a count left out on purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Directories that a file server keeps for itself ([`crate::IgnoredDirectories`]).
    pub ignored: u64,
    /// Directories on which another file system is mounted.
    pub other_file_systems: u64,
    /// Entries that lead out of the backend.
    pub elsewhere: u64,
    /// Names that can't be read.
    pub unreadable_names: u64,
    /// The first of all, such as `images/`.
    pub first: Option<String>,
}

impl Skipped {
    /// Returns whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.ignored + self.other_file_systems + self.elsewhere + self.unreadable_names == 0
    }

    /// Returns whether more was left out than what a file server keeps for itself.
    pub fn is_notable(&self) -> bool {
        self.other_file_systems + self.elsewhere + self.unreadable_names > 0
    }

    /// Adds what another part of the count left out.
    pub fn add(&mut self, other: Self) {
        self.ignored += other.ignored;
        self.other_file_systems += other.other_file_systems;
        self.elsewhere += other.elsewhere;
        self.unreadable_names += other.unreadable_names;
        self.first = self.first.take().or(other.first);
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (
                self.other_file_systems,
                "directory is another file system and was not entered",
                "directories are other file systems and were not entered",
            ),
            (
                self.elsewhere,
                "entry leads elsewhere and was not counted",
                "entries lead elsewhere and were not counted",
            ),
            (
                self.unreadable_names,
                "name can't be read and was not counted",
                "names can't be read and were not counted",
            ),
            (
                self.ignored,
                "directory of the file server's own was not counted",
                "directories of the file server's own were not counted",
            ),
        ];
        let mut separator = "";
        for (count, one, many) in parts.into_iter().filter(|(count, ..)| *count > 0) {
            write!(f, "{separator}{count} {}", if count == 1 { one } else { many })?;
            separator = ", ";
        }
        match &self.first {
            Some(first) => write!(f, " (first: {})", first.trim_end_matches('/')),
            None => Ok(()),
        }
    }
}

impl Stats {
    /// Returns the text of [`crate::Capacity`], if both sizes are known.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_one_sentence() {
        let skipped = Skipped {
            other_file_systems: 4,
            first: Some("images/".to_owned()),
            ..Skipped::default()
        };
        assert_eq!(
            skipped.to_string(),
            "4 directories are other file systems and were not entered (first: images)"
        );
        let skipped = Skipped {
            ignored: 1,
            elsewhere: 40,
            first: Some("../x".to_owned()),
            ..Skipped::default()
        };
        assert_eq!(
            skipped.to_string(),
            "40 entries lead elsewhere and were not counted, 1 directory of the file server's own was not counted (first: ../x)"
        );
    }
}
