//! Exports and how one is found among them.

use std::cmp::Reverse;

use storage_domain::ExportPath;

/// One export of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The exported directory.
    pub path: ExportPath,
    /// Who may mount it, in the server's words: addresses, networks, names and netgroups with commas between them,
    /// `*` or `(everyone)`; empty where the server does not say.
    pub clients: String,
    /// The whole line as a path, where the server may have printed no clients.
    pub(super) whole: Option<ExportPath>,
}

impl Export {
    /// The directories that the line may mean: a path may hold blanks, and the clients' column may be missing.
    fn readings(&self) -> impl Iterator<Item = &ExportPath> {
        std::iter::once(&self.path).chain(&self.whole)
    }
}

/// The exports of a server, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportList {
    /// The exports, each path once.
    pub exports: Vec<Export>,
    /// Whether there were more than are kept ([`super::MAX_LINES`]).
    pub truncated: bool,
}

impl ExportList {
    /// The export through which `wanted` can be mounted: that very directory, or else the nearest one above it.
    /// Directories are compared by whole segments: `/srv/exp/im` is not found in `/srv/exp/images`.
    pub fn find(&self, wanted: &ExportPath) -> Option<&Export> {
        let normalized = wanted.normalized();
        let same = |e: &&Export| e.readings().any(|path| path.normalized() == normalized);
        let depth = |e: &&Export| e.path.normalized().len();
        let above = |e: &&Export| e.readings().any(|path| wanted.is_within(path));
        self.exports
            .iter()
            .find(same)
            .or_else(|| self.exports.iter().filter(above).max_by_key(depth))
    }

    /// Up to `n` exports that `wanted` may have been meant to be, the likeliest first, to be shown in an error.
    pub fn nearest(&self, wanted: &ExportPath, n: usize) -> Vec<&Export> {
        let wanted = wanted.normalized();
        let mut ranked: Vec<_> = self.exports.iter().collect();
        ranked.sort_by_cached_key(|e| Reverse(likeness(&wanted, &e.path.normalized())));
        ranked.truncate(n);
        ranked
    }
}

/// How alike two paths are: the same but for case, the same last segment, how many leading characters they share.
fn likeness(wanted: &str, listed: &str) -> (bool, bool, usize) {
    let (wanted, listed) = (wanted.to_lowercase(), listed.to_lowercase());
    let last = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let shared = wanted.chars().zip(listed.chars()).take_while(|(a, b)| a == b);
    (wanted == listed, last(&wanted) == last(&listed), shared.count())
}
