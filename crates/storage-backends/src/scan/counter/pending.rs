//! Directories that wait.

/// A directory that waits to be listed, or to be listed further.
#[derive(Debug)]
pub(super) struct Pending<C> {
    pub(super) path: Vec<u8>,
    pub(super) depth: usize,
    pub(super) from: Option<C>,
}

impl<C> Pending<C> {
    pub(super) const fn root() -> Self {
        Self {
            path: Vec::new(),
            depth: 0,
            from: None,
        }
    }

    /// Returns the path of what is below; with an empty name that of the directory, with a slash at its end.
    pub(super) fn join(&self, name: &[u8]) -> Vec<u8> {
        let is_root = self.path.is_empty() && !name.is_empty();
        let separator: &[u8] = if is_root { b"" } else { b"/" };
        [&self.path, separator, name].concat()
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.path.len()
    }
}
