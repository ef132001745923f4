//! Exports and how one is found among them.

use std::cmp::Reverse;

use storage_domain::ExportPath;

/// One export of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The exported directory.
    pub path: ExportPath,
    /// Who may mount it, in the server's words: addresses, networks, names and netgroups with commas between them,
    /// `*` or `(everyone)`; empty if the server does not say.
    pub clients: String,
    /// Other ways to read the line, as a directory and its clients: either may hold blanks, or the clients be missing.
    pub(super) readings: Vec<(ExportPath, String)>,
}

impl Export {
    /// Returns the first way to read the line whose directory fits.
    fn read_as(&self, fits: impl Fn(&ExportPath) -> bool) -> Option<Self> {
        if fits(&self.path) {
            return Some(self.clone());
        }
        let (path, clients) = self.readings.iter().find(|(path, _)| fits(path))?;
        Some(Self {
            path: path.clone(),
            clients: clients.clone(),
            readings: Vec::new(),
        })
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
    /// Returns the export through which `wanted` can be mounted: that very directory, or else the nearest above it.
    ///
    /// Directories are compared by whole segments: `/srv/exp/im` is not found in `/srv/exp/images`.
    pub fn find(&self, wanted: &ExportPath) -> Option<Export> {
        let normalized = wanted.normalized();
        let find = |e: &Export| e.read_as(|path| path.normalized() == normalized);
        let above = |e: &Export| e.read_as(|path| wanted.is_within(path));
        let depth = |e: &Export| e.path.normalized().len();
        self.exports
            .iter()
            .find_map(find)
            .or_else(|| self.exports.iter().filter_map(above).max_by_key(depth))
    }

    /// Returns up to `n` exports that `wanted` may have been meant to be, the likeliest first.
    pub fn nearest(&self, wanted: &ExportPath, n: usize) -> Vec<&Export> {
        let wanted = wanted.normalized();
        let mut ranked: Vec<_> = self.exports.iter().collect();
        ranked.sort_by_cached_key(|e| Reverse(likeness(&wanted, &e.path.normalized())));
        ranked.truncate(n);
        ranked
    }
}

/// Returns how alike two paths are: but for case, in their last segment, in the number of leading characters.
fn likeness(wanted: &str, listed: &str) -> (bool, bool, usize) {
    let (wanted, listed) = (wanted.to_lowercase(), listed.to_lowercase());
    let last = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let shared = wanted.chars().zip(listed.chars()).take_while(|(a, b)| a == b);
    (wanted == listed, last(&wanted) == last(&listed), shared.count())
}
