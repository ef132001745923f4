//! The objects of a bucket as a tree: everything below a prefix in one listing, in pages of a thousand.
//!
//! One listing of all keys needs the fewest requests. Only the top level is listed as a directory, so that a few
//! prefixes there are listed beside each other.

use std::collections::HashSet;
use std::time::Duration;

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::s3::messages::{Asked, Refusal};
use crate::s3::service::Reply;
use crate::s3::service::refusal::Meaning;
use crate::s3::xml::{self, Answer};
use crate::s3::{S3Backend, SETTING, encoding};
use crate::tree::{Entry, EntryKind, List, Page};
use crate::web::retry::{self, Backoff, Pace, Permit};
use crate::web::{self, Client};

mod change;
mod cursor;
mod delete;
mod level;
mod multipart;
mod objects;
mod rename;

pub(crate) use change::Changed;
pub(crate) use cursor::Cursor;
use cursor::Stray;
pub(crate) use multipart::{MAX_PARTS, Parts, written};

/// Prefixes of a top level that are listed beside each other. Each costs a request, and a page of the entire bucket
/// may hold hundreds of them.
const MAX_PREFIXES: usize = 64;

/// Lists the objects below the prefix of a backend.
#[derive(Debug)]
pub(crate) struct ObjectTree<'a> {
    pub(crate) backend: &'a S3Backend,
    cx: &'a OpContext,
    client: Client,
    pace: Pace,
    /// The prefix up to its last slash, which all names are relative to.
    base: &'a str,
    /// Whether a key that may not list is an error of its own kind; a count has no use for that.
    denies: bool,
}

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct Setback {
    /// What it is if it stays.
    pub(crate) error: Error,
    /// How long the server asks to wait.
    asked: Option<Duration>,
    is_throttled: bool,
}

impl From<web::Error> for Setback {
    fn from(error: web::Error) -> Self {
        Self {
            error: error.into_backend_error(SETTING),
            asked: None,
            is_throttled: false,
        }
    }
}

impl List for ObjectTree<'_> {
    type Cursor = Cursor;

    async fn list(&self, directory: &[u8], from: Option<Cursor>) -> Result<Option<Page<Cursor>>, Error> {
        let page = match from {
            Some(cursor) => self.page(cursor).await?,
            None if directory.is_empty() => self.top().await?,
            None => {
                let prefix = format!("{}{}/", self.base, encoding::text(directory));
                self.page(Cursor::new(&prefix)).await?
            }
        };
        Ok(Some(page))
    }

    fn close_idle(&self) {
        self.client.close_idle();
    }
}

impl<'a> ObjectTree<'a> {
    pub(crate) fn new(backend: &'a S3Backend, cx: &'a OpContext) -> Self {
        let prefix = backend.prefix();
        let base = &prefix[..prefix.rfind('/').map_or(0, |slash| slash + 1)];
        Self {
            client: backend.service.client(),
            pace: Pace::new(backend.service.limits().parallel),
            backend,
            cx,
            base,
            denies: false,
        }
    }

    /// Lists the top level, if its prefixes can be listed one by one; otherwise an empty page leads to all keys.
    async fn top(&self) -> Result<Page<Cursor>, Error> {
        let prefix = self.backend.prefix();
        let found = self.fetch(&Cursor::new(prefix).query(true)).await?;
        let Some(names) = self.names(&found) else {
            return Ok(Page {
                next: Some(Cursor::new(prefix)),
                ..Page::default()
            });
        };
        let mut page = Page {
            recursive: names.is_empty(),
            ..Page::default()
        };
        self.add_objects(&mut page, &mut Cursor::new(prefix), &found);
        page.entries.extend(names.into_iter().map(directory));
        Ok(page)
    }

    /// Returns the names of a top level's prefixes, if there are few, all different, and each can be listed.
    ///
    /// Servers differ in how they encode blanks, `+` and `%` in prefixes, so that such a name may have another meaning; and
    /// some show the replacement character in place of what is not UTF-8.
    fn names<'p>(&self, page: &'p xml::Page) -> Option<HashSet<&'p str>> {
        let name = |prefix: &'p String| {
            let name = prefix.strip_prefix(self.base)?.strip_suffix('/')?;
            let is_clear =
                !name.is_empty() && !name.contains(['/', ' ', '+', '%', char::REPLACEMENT_CHARACTER]);
            (is_clear && prefix.starts_with(self.backend.prefix())).then_some(name)
        };
        let names: HashSet<_> = page.prefixes.iter().map(name).collect::<Option<_>>()?;
        let are_few = !page.more.is_more() && names.len() <= MAX_PREFIXES;
        // A server that ignores the delimiter lists what is below the prefixes too.
        let is_level = names.is_empty() || !page.objects.iter().any(|object| self.is_deep(&object.key));
        (are_few && is_level && names.len() == page.prefixes.len()).then_some(names)
    }

    fn is_deep(&self, key: &str) -> bool {
        key.get(self.backend.prefix().len()..)
            .is_some_and(|below| below.contains('/'))
    }

    /// Lists a page of all keys below a prefix.
    async fn page(&self, mut cursor: Cursor) -> Result<Page<Cursor>, Error> {
        let found = self.fetch(&cursor.query(false)).await?;
        let mut page = Page {
            recursive: true,
            ..Page::default()
        };
        if cursor.has_seen(&found) {
            page.failures.push((Vec::new(), unlisted(Stray::Circle)));
            return Ok(page);
        }
        self.add_objects(&mut page, &mut cursor, &found);
        match cursor.advance(&found) {
            Ok(true) => page.next = Some(cursor),
            Ok(false) => {}
            Err(stray) => page.failures.push((Vec::new(), unlisted(stray))),
        }
        Ok(page)
    }

    /// Adds objects, and before them the directories that their keys name first.
    fn add_objects(&self, page: &mut Page<Cursor>, cursor: &mut Cursor, found: &xml::Page) {
        for object in &found.objects {
            let key = &object.key;
            let name = |end| key.get(self.base.len()..end).unwrap_or(key);
            let directories = cursor.new_directories(key);
            page.entries
                .extend(directories.into_iter().map(|end| directory(name(end))));
            if object.is_marker() {
                continue;
            }
            let name = encoding::bytes(name(key.len())).into_owned();
            page.entries.push(Entry {
                name,
                kind: EntryKind::File,
                size: object.size,
            });
        }
    }

    /// Fetches a page, patiently.
    async fn fetch(&self, query: &[(&str, &str)]) -> Result<xml::Page, Error> {
        let mut backoff = Backoff::default();
        loop {
            let permit = self.pace.acquire().await;
            match self.fetch_once(query).await {
                Ok(page) => return Ok(page),
                Err(setback) => self.wait(&mut backoff, permit, setback).await?,
            }
        }
    }

    async fn fetch_once(&self, query: &[(&str, &str)]) -> Result<xml::Page, Setback> {
        let reply = self.backend.service.get(&self.client, query).await?;
        if self.backend.service.meaning(&reply) != Meaning::Listed {
            return Err(self.refused(&reply, Asked::Bucket(self.backend.bucket.clone())));
        }
        match reply.answer {
            Some(Answer::Listing(page)) => Ok(page),
            _ => Ok(xml::Page::default()),
        }
    }

    /// Waits before the next try. What may pass by itself is tried again while there is time, and fewer requests are sent at
    /// once if the server says so.
    ///
    /// # Errors
    /// That of the last try, if there is no other.
    async fn wait(&self, backoff: &mut Backoff, permit: Permit<'_>, setback: Setback) -> Result<(), Error> {
        if !setback.error.is_temporary() || !backoff.wait(self.cx, setback.asked).await {
            return Err(setback.error);
        }
        if setback.is_throttled {
            permit.give_up();
        }
        Ok(())
    }

    /// Makes the error of an answer that is not what was asked for.
    fn refused(&self, reply: &Reply, asked: Asked) -> Setback {
        let service = &self.backend.service;
        let meaning = service.meaning(reply);
        let (kind, step) = match &asked {
            _ if meaning == Meaning::LongKey => (ErrorKind::Refused, "the path"),
            Asked::Object(_) if meaning.is_denial() => (ErrorKind::Denied, "the file"),
            Asked::Object(_) => (ErrorKind::Server, "the file"),
            _ if meaning.is_temporary() => (ErrorKind::Server, "the listing"),
            _ if self.denies && meaning.is_denial() => (ErrorKind::Denied, "the listing"),
            _ => (ErrorKind::NotListable, "the listing"),
        };
        let refusal = Refusal::new(reply, service, asked);
        Setback {
            error: Error::new(kind, step)
                .with_temporary(meaning.is_temporary())
                .with_source(refusal),
            asked: retry::asked(&reply.headers),
            is_throttled: meaning == Meaning::Throttled,
        }
    }
}

fn directory(name: &str) -> Entry {
    Entry {
        name: encoding::bytes(name).into_owned(),
        kind: EntryKind::Directory,
        size: None,
    }
}

/// The error of a listing that makes no sense.
fn unlisted(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::NotListable, "the listing").with_source(reason)
}
