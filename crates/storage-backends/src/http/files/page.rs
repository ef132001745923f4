//! Cuts pages out of listings, which come in one piece.

use std::collections::HashMap;

use futures_util::{StreamExt as _, future, stream};
use storage_domain::{ByteCount, FilePath};

use super::Files;
use crate::error::{Error, ErrorKind};
use crate::files::{FileEntry, FileKind, FilePage, PageRequest, Position, is_hidden, is_name_shown};
use crate::http::lister::{self, join};
use crate::http::listing::{self, Kind};
use crate::http::tree::HttpTree;
use crate::tree::EntryKind;

/// An entry of a listing to which a path leads.
#[derive(Debug)]
struct Row {
    entry: FileEntry,
    /// Whether the listing does not say what it is.
    is_unknown: bool,
}

impl Files<'_> {
    /// Lists a page of a directory. The server is asked for what the listing does not say of the entries that the page
    /// depends on.
    pub(in crate::http) async fn page(
        &self,
        directory: &FilePath,
        request: &PageRequest,
    ) -> Result<FilePage, Error> {
        self.check(directory, FileKind::Directory, "the listing")?;
        let (style, found) = match self.listing(directory.relative().as_bytes()).await {
            Ok(listing) => listing,
            Err(why) => return Err(self.unlisted(directory, why).await),
        };
        let lister::Page { path, listing } = found;
        if listing.cut {
            let advice = format!("{}: divide the directory", self.lister.bound());
            return Err(Error::new(ErrorKind::NotListable, "the listing").with_source(advice));
        }
        let marks_directories = listing.marks_directories();
        let mut skipped = listing.elsewhere;
        let mut rows = Vec::with_capacity(listing.entries.len());
        for entry in listing
            .entries
            .into_iter()
            .filter(|entry| !is_hidden(&entry.name))
        {
            match row(directory, entry, marks_directories) {
                Some(row) => rows.push(row),
                None => skipped += 1,
            }
        }
        rows.sort_unstable_by(|a, b| a.entry.name.cmp(&b.entry.name));
        let tree = HttpTree::in_style(self.lister, self.cx, style);
        let (mut entries, sizes) = self.find(&tree, &path, rows, request).await;
        entries.retain(|entry| is_name_shown(entry.name.as_bytes(), entry.kind, &self.backend.ignored));
        // The first page has those of all pages: what has no place in a directory has none on a page either.
        let skipped = if request.after.is_none() { skipped } else { 0 };
        let mut page = FilePage::of_all(entries, request, skipped);
        set_sizes(&tree, &path, &mut page, sizes).await;
        Ok(page)
    }

    /// Finds out what the entries are that may be of the page. Returns them, and the sizes of the files that were asked
    /// for.
    async fn find(
        &self,
        tree: &HttpTree<'_>,
        path: &[u8],
        mut rows: Vec<Row>,
        request: &PageRequest,
    ) -> (Vec<FileEntry>, HashMap<String, u64>) {
        let limits = self.lister.client().limits();
        // The same for every page: whatever is not asked for is a file.
        let unknown = rows.iter_mut().filter(|row| row.is_unknown);
        unknown
            .skip(limits.size_requests)
            .for_each(|row| row.is_unknown = false);
        let mut most = usize::MAX;
        let behind = match &request.after {
            Some(Position::Sorted(FileKind::File, name)) => Some(name),
            _ => None,
        };
        if let Some(name) = behind {
            rows.retain(|row| row.entry.kind == FileKind::File && row.entry.name > *name);
            most = request.limit + 1;
        }
        let rows = stream::iter(rows).map(|row| resolve(tree, path, row));
        let found = rows.buffered(limits.parallel);
        let found =
            found.filter(|(entry, _)| future::ready(behind.is_none() || entry.kind == FileKind::File));
        let found: Vec<_> = found.take(most).collect().await;
        let size_of = |(entry, size): &(FileEntry, Option<u64>)| Some((entry.name.clone(), (*size)?));
        let sizes = found.iter().filter_map(size_of).collect();
        (found.into_iter().map(|(entry, _)| entry).collect(), sizes)
    }
}

/// Makes a row of an entry, if a path leads to it.
fn row(directory: &FilePath, entry: listing::Entry, marks_directories: bool) -> Option<Row> {
    let is_unknown = !marks_directories && entry.may_be_a_directory();
    let name = String::from_utf8(entry.name).ok()?;
    directory.join(&name).ok()?;
    let kind = match entry.kind {
        Kind::Directory => FileKind::Directory,
        Kind::File | Kind::Unknown => FileKind::File,
    };
    let entry = FileEntry {
        kind,
        size: entry.size.map(ByteCount::saturating),
        modified_at: entry.modified,
        ..FileEntry::directory(name)
    };
    Some(Row { entry, is_unknown })
}

/// Returns an entry with its kind, and its size if it was asked for.
async fn resolve(tree: &HttpTree<'_>, path: &[u8], row: Row) -> (FileEntry, Option<u64>) {
    let mut entry = row.entry;
    if !row.is_unknown {
        return (entry, None);
    }
    let (kind, size) = tree.ask(&join(path, entry.name.as_bytes()), None).await;
    if kind == EntryKind::Directory {
        entry.kind = FileKind::Directory;
        entry.size = None;
    }
    (entry, size)
}

/// Takes the sizes that were asked for, and those of the listing if the first one of the page is right.
async fn set_sizes(tree: &HttpTree<'_>, path: &[u8], page: &mut FilePage, mut asked: HashMap<String, u64>) {
    let listed = |entry: &FileEntry| entry.size.map(ByteCount::get).filter(|size| *size > 0);
    let sample = page
        .entries
        .iter()
        .find_map(|entry| Some((entry, listed(entry)?)));
    let is_trusted = match sample {
        Some((file, size)) => tree.trusts_size(&join(path, file.name.as_bytes()), size).await,
        None => true,
    };
    for entry in &mut page.entries {
        let asked = asked.remove(&entry.name).map(ByteCount::saturating);
        entry.size = asked.or(entry.size.filter(|_| is_trusted));
    }
}
