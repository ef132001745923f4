//! The sizes of files, which not every listing has.

use futures_util::StreamExt as _;
use futures_util::stream;
use storage_domain::ByteCount;

use super::Counter;
use super::pending::Pending;
use crate::error::{Error, ErrorKind};
use crate::tree::{Entry, List};

/// What is known of the sizes of the files that were counted.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    sum: u64,
    /// Files without a size.
    unknown: u64,
    /// The first of them.
    paths: Vec<Vec<u8>>,
}

impl Sizes {
    /// Returns the sum of those that are known, unless none of so many files is.
    pub(super) fn sum(&self, files: u64) -> Option<ByteCount> {
        let is_known = files == 0 || self.unknown < files;
        is_known.then(|| ByteCount::saturating(self.sum))
    }

    fn add(&mut self, size: u64) {
        self.sum = self.sum.saturating_add(size);
    }
}

impl<C> Counter<'_, C> {
    /// Adds a file's size, or keeps its path to ask for it.
    pub(super) fn size(&mut self, directory: &Pending<C>, file: &Entry) {
        if let Some(size) = file.size {
            return self.sizes.add(size);
        }
        self.sizes.unknown += 1;
        if self.sizes.paths.len() < self.options.size_requests {
            let path = directory.join(&file.name);
            if self.keep(path.len()) {
                self.sizes.paths.push(path);
            }
        }
    }

    /// Asks for the sizes that no listing had, as many as may be asked for, and adds them up.
    pub(super) async fn ask_sizes<L: List>(&mut self, tree: &L) {
        let paths = std::mem::take(&mut self.sizes.paths);
        let asked = u64::try_from(paths.len()).unwrap_or(u64::MAX);
        let more = self.sizes.unknown.saturating_sub(asked);
        let sizes = stream::iter(paths).map(|path| async move { (tree.size(&path).await, path) });
        let mut sizes = std::pin::pin!(sizes.buffer_unordered(self.options.parallel));
        while let Some((size, path)) = sizes.next().await {
            match size {
                Some(size) => {
                    self.sizes.unknown -= 1;
                    self.sizes.add(size);
                }
                None => self.fail(&path, &no_size()),
            }
        }

        if more > 0 {
            self.report.errors += more;
            let first = || match more {
                1 => "1 file has no size in its listing".to_owned(),
                _ => format!("{more} files have no size in their listing"),
            };
            self.report.first_error.get_or_insert_with(first);
        }
    }
}

/// Returns the error of a file whose size nothing says.
fn no_size() -> Error {
    Error::new(ErrorKind::Server, "the listing").with_source("its size is not known")
}
