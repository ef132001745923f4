//! The knobs of a fake that holds files.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::FakeBackend;
use super::files::{Files, SharedFiles};
use super::tree::FakeTree;
use crate::error::ErrorKind;
use crate::scan::ScanReport;

impl FakeBackend {
    /// With the facet [`Tree`](crate::Tree); a scan gives `report` after `delay`.
    #[must_use]
    pub fn with_tree(mut self, report: ScanReport, delay: Duration) -> Self {
        self.tree = Some(FakeTree {
            report,
            delay,
            refusal: None,
            files: SharedFiles::default(),
            breaks_after: None,
            replaces_read: false,
            calls: Arc::clone(&self.calls),
        });
        self
    }

    /// With the facet [`Tree`](crate::Tree) and these files, by their paths.
    #[must_use]
    pub fn with_files<'a>(self, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let fake = self.with_tree(ScanReport::default(), Duration::ZERO);
        fake.set(|held| {
            for (path, content) in files {
                let above = path.match_indices('/').map(|(slash, _)| &path[..slash]);
                let above = above.filter(|directory| !directory.is_empty());
                held.nodes
                    .extend(above.map(|directory| (directory.to_owned(), None)));
                held.nodes
                    .insert(path.to_owned(), Some(Bytes::copy_from_slice(content)));
            }
        });
        fake
    }

    /// Every read breaks off after so many bytes.
    #[must_use]
    pub fn breaking_off(mut self, bytes: usize) -> Self {
        if let Some(tree) = &mut self.tree {
            tree.breaks_after = Some(bytes);
        }
        self
    }

    /// Every file that is read is replaced meanwhile.
    #[must_use]
    pub fn replacing_what_is_read(mut self) -> Self {
        if let Some(tree) = &mut self.tree {
            tree.replaces_read = true;
        }
        self
    }

    /// With the facet [`Tree`](crate::Tree), whose scan fails because of `reason`.
    #[must_use]
    pub fn not_listable(self, reason: impl Into<String>) -> Self {
        let mut fake = self.with_tree(ScanReport::default(), Duration::ZERO);
        if let Some(tree) = &mut fake.tree {
            tree.refusal = Some(reason.into());
        }
        fake
    }

    /// With the facet [`TreeMut`](crate::TreeMut) beside the files.
    #[must_use]
    pub fn writable(self) -> Self {
        self.set(|files| files.writable = true);
        self
    }

    /// Conditions on what is published are refused.
    #[must_use]
    pub fn unconditional(self) -> Self {
        self.set(|files| files.is_unconditional = true);
        self
    }

    /// From now on whatever would change a file fails like this, [`ErrorKind::ReadOnly`] for instance; `None` lets it pass.
    pub fn refuse_writes(&self, kind: Option<ErrorKind>) {
        self.set(|files| files.refusal = kind);
    }

    /// From now on every description of a file fails like this; `None` lets it pass.
    pub fn refuse_stats(&self, kind: Option<ErrorKind>) {
        self.set(|files| files.stat_refusal = kind);
    }

    /// The file that is published next appears, but the answer to that is lost, and every description fails from then on.
    pub fn lose_a_publication(&self) {
        self.set(|files| files.loses_publication = true);
    }

    /// From now on so many bytes can be written before the storage is full.
    pub fn set_space(&self, bytes: u64) {
        self.set(|files| files.space = Some(bytes));
    }

    /// From now on each entry that is deleted or moved, and each piece that is written, takes this long.
    pub fn slow_writes(&self, pace: Duration) {
        self.set(|files| files.pace = pace);
    }

    /// Returns how many uploads left bytes that are neither published nor abandoned.
    pub fn unfinished_uploads(&self) -> usize {
        let tree = self.tree.as_ref();
        tree.map_or(0, |tree| tree.files.lock().uploads.len())
    }

    fn set(&self, change: impl FnOnce(&mut Files)) {
        if let Some(tree) = &self.tree {
            change(&mut tree.files.lock());
        }
    }
}
