//! What a page of a listing has of a level.

use storage_domain::{ByteCount, FilePath, IgnoredDirectories};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::files::{FileEntry, FileKind, is_name_shown};
use crate::s3::encoding;
use crate::s3::xml::{Object, Page};
use crate::web::file::strong;

/// An entry as it is listed.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) kind: FileKind,
    /// The name, with private characters for bytes that are not UTF-8.
    pub(super) name: String,
    /// `None` if no path leads to it.
    pub(super) entry: Option<FileEntry>,
}

impl Listed {
    /// Returns its key below the level.
    pub(super) fn key(&self) -> String {
        let slash = if self.kind == FileKind::Directory { "/" } else { "" };
        format!("{}{slash}", self.name)
    }
}

/// The level that a page is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) directory: &'a FilePath,
    pub(super) own: &'a str,
    pub(super) prefix: &'a str,
    pub(super) ignored: &'a IgnoredDirectories,
}

impl At<'_> {
    /// Returns what a page lists of the level. Some servers ignore the prefix or the delimiter.
    pub(super) fn listed(self, page: Page) -> Vec<Listed> {
        let objects = page.objects.into_iter().filter_map(|object| self.object(&object));
        let prefixes = page.prefixes.iter();
        let prefixes = prefixes.filter_map(|prefix| self.directory(self.below(prefix)?));
        objects.chain(prefixes).collect()
    }

    /// Returns what a key has below the level.
    pub(super) fn below(self, key: &str) -> Option<&str> {
        key.starts_with(self.prefix).then(|| key.strip_prefix(self.own))?
    }

    fn object(self, object: &Object) -> Option<Listed> {
        let name = self.below(&object.key)?;
        if name.contains('/') {
            return self.directory(name);
        }
        if (name.is_empty() && object.is_marker()) || !self.shows(name, FileKind::File) {
            return None;
        }
        let entry = self.entry(name).map(|entry| FileEntry {
            kind: FileKind::File,
            size: object.size.map(ByteCount::saturating),
            modified_at: OffsetDateTime::parse(object.modified.trim(), &Rfc3339).ok(),
            etag: strong(&object.etag),
            ..entry
        });
        Some(Listed {
            kind: FileKind::File,
            name: name.to_owned(),
            entry,
        })
    }

    /// Returns the directory that a key names first.
    pub(super) fn directory(self, below: &str) -> Option<Listed> {
        let (name, _) = below.split_once('/')?;
        self.shows(name, FileKind::Directory).then(|| Listed {
            kind: FileKind::Directory,
            name: name.to_owned(),
            entry: self.entry(name),
        })
    }

    fn shows(self, name: &str, kind: FileKind) -> bool {
        is_name_shown(&encoding::bytes(name), kind, self.ignored)
    }

    /// Makes an entry of a name, if it can be part of a path.
    fn entry(self, name: &str) -> Option<FileEntry> {
        let name = String::from_utf8(encoding::bytes(name).into_owned()).ok()?;
        self.directory.join(&name).ok()?;
        Some(FileEntry::directory(name))
    }
}
