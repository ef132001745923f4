//! An error with everything behind it, for the log.

use std::error::Error;
use std::fmt;

/// Writes an error and its sources, for logs in JSON write the outermost one alone.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.to_string();
        f.write_str(&shown)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            let text = source.to_string();
            // Some errors end with what their source says.
            if !shown.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            shown = text;
            next = source.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt;

    use super::Chain;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Self>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|layer| layer as &dyn Error)
        }
    }

    #[test]
    fn every_source_is_told_once() {
        let disk = Layer("disk is full", None);
        let query = Layer("query failed: disk is full", Some(Box::new(disk)));
        let store = Layer("the database is not available", Some(Box::new(query)));
        let shown = Chain(&store).to_string();
        assert_eq!(shown, "the database is not available: query failed: disk is full");
    }
}
