//! Where the bytes of an answer came from.

/// Names where a boot file's bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The storage, for this client alone.
    Storage,
    /// The cache, which had the whole file.
    Hit,
    /// The cache, while it was filled.
    Fill,
    /// The cache, without word from the storage.
    Stale,
}
