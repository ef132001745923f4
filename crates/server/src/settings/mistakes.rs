//! What is wrong with the settings, all of it.

use std::fmt;

/// Mistakes in the settings; never empty if it is an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mistakes(Vec<String>);

impl Mistakes {
    /// Adds one.
    pub(crate) fn add(&mut self, mistake: String) {
        self.0.push(mistake);
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these settings can't be used:")?;
        for mistake in &self.0 {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}
