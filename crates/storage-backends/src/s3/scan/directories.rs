//! Directories that keys name, counted in constant memory.

/// Counts the directories of keys that come in order: all keys of a directory come one after the other, so that the
/// last key alone tells which directories of the next one are new.
#[derive(Debug)]
pub(crate) struct Directories {
    root: usize,
    last: String,
}

impl Directories {
    /// The directories below a prefix, which itself is not counted.
    pub(crate) fn below(prefix: &str) -> Self {
        Self {
            root: prefix.len(),
            last: prefix.to_owned(),
        }
    }

    /// How many directories this key names first.
    pub(crate) fn new_in(&mut self, key: &str) -> u64 {
        let same = self.last.bytes().zip(key.bytes()).take_while(|(a, b)| a == b);
        let known = same.count().max(self.root).min(key.len());
        let new = key.bytes().skip(known).filter(|b| *b == b'/').count();
        key.clone_into(&mut self.last);
        u64::try_from(new).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::flat("", &["a", "b"], 0)]
    #[case::shared("", &["a/1", "a/2", "a/b/3", "a/b/4", "c/5"], 3)]
    #[case::markers("", &["a/", "a/b/", "a/b/c"], 2)]
    #[case::below_a_prefix("a/", &["a/", "a/1", "a/b/3"], 1)]
    #[case::half_a_name("im", &["images/1", "img/2"], 2)]
    #[case::leading_slashes("", &["/a", "//b"], 2)]
    fn counts(#[case] prefix: &str, #[case] keys: &[&str], #[case] expected: u64) {
        let mut directories = Directories::below(prefix);
        let found: u64 = keys.iter().map(|key| directories.new_in(key)).sum();
        assert_eq!(found, expected);
    }
}
