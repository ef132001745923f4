//! A count in one sentence.

use std::fmt;

use super::ScanReport;

impl fmt::Display for ScanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_or_many = |count, one, many| if count == 1 { one } else { many };
        write!(
            f,
            "{} {}, {} of them boot or install images, in {} {}",
            self.files,
            one_or_many(self.files, "file", "files"),
            self.templates,
            self.directories,
            one_or_many(self.directories, "directory", "directories"),
        )?;
        if let Some(gaps) = self.incomplete() {
            write!(f, "; {gaps}")?;
        }
        if let Some(skipped) = self.skipped() {
            write!(f, "; {skipped}")?;
        }
        Ok(())
    }
}
