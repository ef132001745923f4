//! Deletes objects and directories.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use md5::{Digest as _, Md5};
use quick_xml::escape::escape;
use storage_domain::FilePath;

use super::change::refused;
use super::cursor::Stray;
use super::{Cursor, ObjectTree, unlisted};
use crate::error::{Error, ErrorKind};
use crate::files::{Deletion, FileKind, Progress, is_name_shown};
use crate::s3::encoding;
use crate::s3::messages::clean;
use crate::s3::service::ObjectAsk;
use crate::s3::service::refusal::Meaning;
use crate::s3::xml::{Answer, Object, Undeleted};

/// The most keys of one request.
pub(super) const BATCH: usize = 1000;
/// The hash of a body, which servers ask for if it lists keys to delete.
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

impl ObjectTree<'_> {
    pub(crate) async fn delete(
        &self,
        path: &FilePath,
        deletion: Deletion,
        progress: &Progress,
    ) -> Result<(), Error> {
        let key = self.key(path);
        match (self.touched(path).await?, deletion) {
            (FileKind::File, _) => {
                self.delete_one(&key).await?;
                progress.add(1);
                Ok(())
            }
            (FileKind::Directory, Deletion::Single) => self.delete_empty(&format!("{key}/"), progress).await,
            (FileKind::Directory, Deletion::Recursive) => {
                self.delete_below(&format!("{key}/"), progress).await
            }
        }
    }

    /// Returns what is at a path that may be deleted or moved. A key that is a prefix too is the file.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for the root and for what lists leave out; [`ErrorKind::NotFound`].
    pub(super) async fn touched(&self, path: &FilePath) -> Result<FileKind, Error> {
        if path.is_root() {
            return Err(refused("The root of a backend stays: name what is in it"));
        }
        let found = self.stat(path).await;
        let is_hidden = !self.shows(path, FileKind::Directory);
        match found {
            Ok(entry) => Ok(entry.kind),
            Err(error) if is_hidden && *error.kind() == ErrorKind::NotFound => {
                Err(refused("Lists leave this path out: change it by other means"))
            }
            Err(error) => Err(error),
        }
    }

    async fn delete_empty(&self, own: &str, progress: &Progress) -> Result<(), Error> {
        let query = [
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", "2"),
            ("prefix", own),
        ];
        let page = self.fetch(&query).await?;
        if let Some(other) = page.objects.iter().find(|object| object.key != own) {
            let holds = self.path_of(&other.key);
            return Err(not_empty(format!("The directory holds {holds}: delete it first")));
        }
        self.delete_one(own).await?;
        progress.add(1);
        Ok(())
    }

    /// Deletes all keys below a directory, except those that lists leave out.
    async fn delete_below(&self, own: &str, progress: &Progress) -> Result<(), Error> {
        let (mut cursor, mut has_more) = (Cursor::new(own), true);
        let mut stays = None;
        while has_more {
            let objects;
            (objects, has_more) = self.below(own, &mut cursor).await?;
            let keys = objects.into_iter().map(|object| object.key);
            let (go, stay): (Vec<_>, Vec<_>) = keys.partition(|key| self.is_shown_below(own, key));
            stays = stays.or(stay.into_iter().next());
            self.delete_all(&go, progress).await?;
        }
        match stays {
            None => Ok(()),
            Some(key) => Err(not_empty(format!(
                "The directory holds {}, which lists leave out: change it by other means",
                self.path_of(&key)
            ))),
        }
    }

    /// Returns the next page of what is below a directory, and whether there is more.
    pub(super) async fn below(&self, own: &str, cursor: &mut Cursor) -> Result<(Vec<Object>, bool), Error> {
        let page = self.fetch(&cursor.query(false)).await?;
        if cursor.has_seen(&page) {
            return Err(unlisted(Stray::Circle));
        }
        let has_more = cursor.advance(&page).map_err(unlisted)?;
        let objects = page.objects.into_iter();
        let objects = objects.filter(|object| object.key.starts_with(own));
        Ok((objects.collect(), has_more))
    }

    /// Returns whether lists lead to the key of a file, or of a directory, below a directory.
    pub(super) fn is_shown_below(&self, own: &str, key: &str) -> bool {
        let ignored = &self.backend.ignored;
        let below = encoding::bytes(key.strip_prefix(own).unwrap_or(key));
        let mut names = below.split(|byte| *byte == b'/');
        let file = names.next_back().unwrap_or_default();
        is_name_shown(file, FileKind::File, ignored)
            && names.all(|name| is_name_shown(name, FileKind::Directory, ignored))
    }

    pub(crate) async fn delete_one(&self, key: &str) -> Result<(), Error> {
        let deleted = self
            .made(&ObjectAsk::new(Method::DELETE, key), self.deleting())
            .await;
        match deleted {
            Err(error) if *error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes these keys, many in one request.
    pub(super) async fn delete_all(&self, keys: &[String], progress: &Progress) -> Result<(), Error> {
        let (plain, odd): (Vec<_>, Vec<_>) = keys.iter().partition(|key| is_xml(key));
        for batch in plain.chunks(BATCH) {
            self.delete_batch(batch, progress).await?;
        }
        for key in odd {
            self.delete_one(key).await?;
            progress.add(1);
        }
        Ok(())
    }

    async fn delete_batch(&self, keys: &[&String], progress: &Progress) -> Result<(), Error> {
        let mut body =
            String::from("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
        for key in keys {
            let _ = write!(body, "<Object><Key>{}</Key></Object>", escape(key.as_str()));
        }
        body.push_str("</Delete>");
        let md5 = HeaderValue::try_from(STANDARD.encode(Md5::digest(&body))).ok();
        let ask = ObjectAsk::new(Method::POST, "")
            .asking("delete", "")
            .with(CONTENT_MD5, md5)
            .with_body(body);
        let changed = self.change(&ask, &self.deleting()).await?;
        if !changed.is_made() {
            // There are servers that delete one by one only.
            if self.meaning(&changed) == Meaning::Unsupported {
                for key in keys {
                    self.delete_one(key).await?;
                    progress.add(1);
                }
                return Ok(());
            }
            return Err(self.unchanged(&changed.reply, self.deleting()).error);
        }
        let left = match &changed.reply.answer {
            Some(Answer::Undeleted(left)) => left.as_slice(),
            _ => &[],
        };
        let left: Vec<_> = left
            .iter()
            .filter(|left| left.error.code != "NoSuchKey")
            .collect();
        progress.add(keys.len().saturating_sub(left.len()) as u64);
        match left.first() {
            None => Ok(()),
            Some(first) => Err(self.undeleted(first, left.len())),
        }
    }

    /// Makes the error of keys that the server left.
    fn undeleted(&self, first: &Undeleted, count: usize) -> Error {
        let service = &self.backend.service;
        let kind = match first.error.code.as_str() {
            "AccessDenied" => ErrorKind::Denied,
            _ => ErrorKind::Server,
        };
        let more = match count {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let (path, code) = (self.path_of(&first.key), service.redact(&first.error.code));
        let said = service.redact(&first.error.message);
        Error::new(kind, "the deletion").with_source(format!(
            "The server did not delete {path}{more}: allow the access key s3:DeleteObject, and look for a lock on the objects (the server says: {}: {})",
            clean(&code),
            clean(&said)
        ))
    }
}

/// Returns whether a key can stand in a document of XML 1.0.
fn is_xml(key: &str) -> bool {
    key.chars().all(|char| {
        (char >= ' ' || char == '\t')
            && !matches!(char, '\u{fffe}' | '\u{ffff}')
            && !encoding::is_stand_in(char)
    })
}

fn not_empty(reason: String) -> Error {
    Error::new(ErrorKind::NotEmpty, "the deletion").with_source(reason)
}
