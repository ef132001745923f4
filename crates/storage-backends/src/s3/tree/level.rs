//! One level of the keys as a directory: its directories first, and then its files, in pages.
//!
//! A page goes on where the last one ended, and holds no more than its own entries. Keys come sorted, and with them the
//! files. Directories come sorted by keys that end in a slash, so that `a-b/` is before `a/`: what may come late is asked
//! for. A key that is a prefix too is shown as the file alone.

use std::collections::HashSet;
use std::time::Duration;

use storage_domain::FilePath;
use tokio::time::Instant;

use super::cursor::{Cursor, Stray};
use super::{ObjectTree, unlisted};
use crate::error::{Error, ErrorKind};
use crate::files::{FileKind, FilePage, MAX_SORTED, PageRequest, Position};
use crate::s3::{encoding, xml};

mod listed;
mod lowest;
mod unsorted;

use listed::{At, Listed};
use lowest::{Lowest, Share};

/// Requests of one page; each lists a thousand keys. A level that takes more is not sorted.
const MAX_REQUESTS: usize = MAX_SORTED / 1000;
/// Time after which a page of a level that is not sorted ends, and a level is not sorted.
const MAX_TIME: Duration = Duration::from_secs(10);

/// What is left for a page.
#[derive(Debug)]
struct Budget {
    requests: usize,
    until: Instant,
}

impl Budget {
    fn new() -> Self {
        Self {
            requests: MAX_REQUESTS,
            until: Instant::now() + MAX_TIME,
        }
    }

    /// Takes a request off; returns whether there may be one more.
    fn spend(&mut self) -> bool {
        self.requests = self.requests.saturating_sub(1);
        self.requests > 0 && Instant::now() < self.until
    }
}

/// A directory of a bucket.
#[derive(Debug)]
pub(super) struct Level<'a> {
    tree: &'a ObjectTree<'a>,
    directory: &'a FilePath,
    /// What the keys of its entries begin with.
    own: String,
    /// What is asked for: at the root, the prefix of the config.
    prefix: String,
}

/// A page of a listing.
#[derive(Debug)]
struct Walked {
    listed: Vec<Listed>,
    /// The last key, below the level; `None` if there is no key at all.
    last: Option<String>,
    has_more: bool,
}

impl<'a> Level<'a> {
    /// Makes a level, if its keys begin with the prefix of the config.
    pub(super) fn new(tree: &'a ObjectTree<'a>, directory: &'a FilePath) -> Option<Self> {
        let prefix = tree.backend.prefix();
        let (own, prefix) = if directory.is_root() {
            (tree.base.to_owned(), prefix.to_owned())
        } else {
            let own = format!("{}/", tree.key(directory));
            own.starts_with(prefix).then(|| (own.clone(), own))?
        };
        Some(Self {
            tree,
            directory,
            own,
            prefix,
        })
    }

    pub(super) async fn page(&self, request: &PageRequest) -> Result<FilePage, Error> {
        let limit = request.limit;
        let text = |name: &str| encoding::text(name.as_bytes()).into_owned();
        match &request.after {
            None => self.first(limit).await,
            Some(Position::Sorted(FileKind::Directory, name)) => self.directories(&text(name), limit).await,
            Some(Position::Sorted(FileKind::File, name)) => {
                let files = self.files(Some(text(name)), limit).await?;
                Ok(lowest::page(Share::default(), Some(files)))
            }
            Some(Position::Unsorted(key)) => self.unsorted(Some(key), limit).await,
        }
    }

    /// Walks all of the level: if that takes too much, no page of it is a sorted one.
    async fn first(&self, limit: usize) -> Result<FilePage, Error> {
        let mut budget = Budget::new();
        let mut cursor = self.cursor(None);
        let (mut directories, mut files) = (Lowest::new(None, limit), Lowest::new(None, limit));
        let mut is_there = self.directory.is_root();
        loop {
            let walked = self.walk(&mut cursor).await?;
            is_there |= walked.last.is_some();
            for listed in walked.listed {
                directories.files().note(&listed);
                match listed.kind {
                    FileKind::Directory => directories.add(listed),
                    FileKind::File => files.add(listed),
                }
            }
            directories.files().pass(walked.last.as_deref());
            if !walked.has_more {
                break;
            }
            if !budget.spend() {
                return self.unsorted(None, limit).await;
            }
        }
        if !is_there {
            return Err(self.missing().await);
        }
        let directories = directories.finish();
        let has_files = !directories.has_more();
        let files = has_files.then(|| files.finish_within(limit - directories.len()));
        Ok(lowest::page(directories, files))
    }

    /// Goes on with the directories, and with the files if there is room behind them.
    async fn directories(&self, after: &str, limit: usize) -> Result<FilePage, Error> {
        let mut cursor = self.cursor(Some(after));
        let mut lowest = Lowest::new(Some(after.to_owned()), limit);
        loop {
            let walked = self.walk(&mut cursor).await?;
            for listed in walked.listed {
                lowest.files().note(&listed);
                if listed.kind == FileKind::Directory {
                    lowest.add(listed);
                }
            }
            lowest.files().pass(walked.last.as_deref());
            if self.is_complete(&mut lowest, walked.last.as_deref()).await? {
                return Ok(lowest::page(lowest.finish(), None));
            }
            if !walked.has_more {
                break;
            }
        }
        let directories = lowest.finish();
        if directories.has_more() {
            return Ok(lowest::page(directories, None));
        }
        let files = self.files(None, limit - directories.len()).await?;
        Ok(lowest::page(directories, Some(files)))
    }

    /// Walks as far as there are files enough.
    async fn files(&self, after: Option<String>, limit: usize) -> Result<Share, Error> {
        let mut cursor = self.cursor(after.as_deref());
        let mut lowest = Lowest::new(after, limit);
        loop {
            let walked = self.walk(&mut cursor).await?;
            let files = walked.listed.into_iter();
            files
                .filter(|listed| listed.kind == FileKind::File)
                .for_each(|listed| lowest.add(listed));
            if lowest.is_full() || !walked.has_more {
                return Ok(lowest.finish());
            }
        }
    }

    /// Returns whether all directories are known up to the last one that is kept, if they are enough; `key` is how far the
    /// listing was read.
    async fn is_complete(&self, lowest: &mut Lowest, key: Option<&str>) -> Result<bool, Error> {
        let Some(key) = key.filter(|_| lowest.is_full()) else {
            return Ok(false);
        };
        let mut asked = HashSet::new();
        while let Some(name) = lowest.late(key).into_iter().find(|name| !asked.contains(name)) {
            let below = format!("{name}/");
            if self.tree.has_keys(&format!("{}{below}", self.own)).await? {
                self.at()
                    .directory(&below)
                    .into_iter()
                    .for_each(|listed| lowest.add(listed));
            }
            asked.insert(name);
        }
        Ok(true)
    }

    fn at(&self) -> At<'_> {
        At {
            directory: self.directory,
            own: &self.own,
            prefix: &self.prefix,
            ignored: &self.tree.backend.ignored,
        }
    }

    fn cursor(&self, after: Option<&str>) -> Cursor {
        let cursor = Cursor::new(&self.prefix);
        match after {
            Some(after) => cursor.after(format!("{}{after}", self.own)),
            None => cursor,
        }
    }

    async fn walk(&self, cursor: &mut Cursor) -> Result<Walked, Error> {
        let mut page = self.tree.fetch(&cursor.query(true)).await?;
        // A plus that was not encoded is a blank when it is decoded.
        if self.is_elsewhere(&page) && self.tree.backend.service.learn_plain() {
            page = self.tree.fetch(&cursor.query(true)).await?;
        }
        if cursor.has_seen(&page) {
            return Err(unlisted(Stray::Circle));
        }
        let has_more = cursor.advance(&page).map_err(unlisted)?;
        let last = page.objects.last().map(|object| &object.key);
        let last = last.max(page.prefixes.last());
        let last = last.and_then(|key| self.at().below(key)).map(str::to_owned);
        Ok(Walked {
            last,
            has_more,
            listed: self.at().listed(page),
        })
    }

    /// Returns whether no key of a page is of the level.
    fn is_elsewhere(&self, page: &xml::Page) -> bool {
        let keys = || {
            page.objects
                .iter()
                .map(|object| &object.key)
                .chain(&page.prefixes)
        };
        keys().next().is_some() && keys().all(|key| self.at().below(key).is_none())
    }

    /// Finds out why there is nothing: the error says whether there is a file of the name.
    async fn missing(&self) -> Error {
        let kind = match self.tree.stat(self.directory).await {
            Ok(_) => ErrorKind::NotADirectory,
            Err(error) => return error,
        };
        Error::new(kind, "the listing")
    }
}
