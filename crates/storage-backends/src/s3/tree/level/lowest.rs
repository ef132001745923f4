//! The entries of a walk whose names are the lowest, by kinds.

use std::collections::{BTreeMap, BTreeSet};

use super::listed::Listed;
use crate::files::{FileEntry, FileKind, FilePage, Position};

/// The most names that have no place and are counted to the page that they are of.
const MAX_MISPLACED: usize = 10_000;

/// The entries of one kind that come first behind a name.
#[derive(Debug)]
pub(super) struct Lowest {
    after: Option<String>,
    room: usize,
    /// By their names; one more than there is room for, which shows that there are more.
    entries: BTreeMap<String, FileEntry>,
    misplaced: BTreeSet<String>,
    files: Files,
}

/// Files that were listed: a directory of the same name, which comes behind its file, is not shown.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeSet<String>);

impl Files {
    /// Notes an entry, if it is a file.
    pub(super) fn note(&mut self, listed: &Listed) {
        if listed.kind == FileKind::File {
            self.0.insert(listed.name.clone());
        }
    }

    /// Returns whether an entry is a directory of the name of a file.
    pub(super) fn hide(&self, listed: &Listed) -> bool {
        listed.kind == FileKind::Directory && self.0.contains(&listed.name)
    }

    /// Forgets the files whose directories can't come any more behind this key.
    pub(super) fn pass(&mut self, key: Option<&str>) {
        self.0
            .retain(|name| key.is_none_or(|key| key.starts_with(&**name)));
    }
}

/// The entries of one kind that a page has.
#[derive(Debug, Default)]
pub(super) struct Share {
    entries: Vec<FileEntry>,
    has_more: bool,
    skipped: u64,
}

impl Lowest {
    pub(super) fn new(after: Option<String>, room: usize) -> Self {
        Self {
            after,
            room,
            entries: BTreeMap::new(),
            misplaced: BTreeSet::new(),
            files: Files::default(),
        }
    }

    pub(super) fn add(&mut self, listed: Listed) {
        if self.after.as_ref().is_some_and(|after| listed.name <= *after) || self.files.hide(&listed) {
            return;
        }
        let Some(entry) = listed.entry else {
            if self.misplaced.len() < MAX_MISPLACED {
                self.misplaced.insert(listed.name);
            }
            return;
        };
        self.entries.insert(listed.name, entry);
        if self.entries.len() > self.room + 1 {
            self.entries.pop_last();
        }
    }

    /// Returns the files that hide directories among the entries.
    pub(super) fn files(&mut self) -> &mut Files {
        &mut self.files
    }

    /// Returns whether there are as many as a page can have, and one more.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() > self.room
    }

    /// Returns the names that may come behind this key, and belong before the last name that is kept: `a/` comes behind
    /// `a-b/`, because the slash is behind the hyphen.
    pub(super) fn late(&self, key: &str) -> Vec<String> {
        let Some(last) = self.entries.last_key_value().map(|(name, _)| name) else {
            return Vec::new();
        };
        let ends = last.bytes().enumerate().filter(|(_, byte)| *byte < b'/');
        let names = ends.map(|(end, _)| &last[..end]);
        let is_late = |name: &&str| {
            !name.is_empty()
                && self.after.as_deref().is_none_or(|after| *name > after)
                && !self.entries.contains_key(*name)
                && format!("{name}/").as_str() > key
        };
        names.filter(is_late).map(str::to_owned).collect()
    }

    /// As [`Lowest::finish`], with no more room than this.
    pub(super) fn finish_within(self, room: usize) -> Share {
        Self { room, ..self }.finish()
    }

    pub(super) fn finish(mut self) -> Share {
        let has_more = self.is_full();
        while self.entries.len() > self.room {
            self.entries.pop_last();
        }
        let last = self.entries.last_key_value().map(|(name, _)| name);
        let is_within = |name: &&String| !has_more || Some(*name) < last;
        let skipped = self.misplaced.iter().filter(is_within).count();
        Share {
            skipped: skipped as u64,
            has_more,
            entries: self.entries.into_values().collect(),
        }
    }
}

impl Share {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }
}

/// Makes a page of directories, and of the files behind them, if they end with it.
pub(super) fn page(directories: Share, files: Option<Share>) -> FilePage {
    let files = files.unwrap_or_default();
    let mut entries = directories.entries;
    entries.extend(files.entries);
    let has_more = directories.has_more || files.has_more;
    let position = |last: &FileEntry| Position::Sorted(last.kind, last.name.clone());
    FilePage {
        next: entries.last().filter(|_| has_more).map(position),
        entries,
        sorted: true,
        skipped: directories.skipped + files.skipped,
    }
}
