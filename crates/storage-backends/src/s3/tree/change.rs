//! Requests that change something, and what has to be so before.

use std::error::Error as StdError;

use futures_util::{TryStreamExt as _, stream};
use hyper::{Method, StatusCode};
use storage_domain::FilePath;

use super::objects::own;
use super::{ObjectTree, Setback};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{FileEntry, FileKind};
use crate::s3::messages::{Asked, Refusal};
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{ObjectAnswer, ObjectAsk, Reply};
use crate::s3::{S3Backend, encoding};
use crate::web::Client;
use crate::web::retry::{self, Backoff};

/// The answer to a change that was made, or that the server refuses.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) reply: Reply,
    /// Whether it was asked for before, without an answer that decides: that request may have been what changed something.
    pub(crate) again: bool,
}

impl Changed {
    /// Returns whether the change was made. An answer that begins with 200 may end with an error.
    pub(crate) fn is_made(&self) -> bool {
        self.reply.status.is_success() && self.reply.error().is_none()
    }
}

impl<'a> ObjectTree<'a> {
    /// The tree for changes, over these connections.
    ///
    /// # Errors
    /// [`ErrorKind::ReadOnly`] if there is no key.
    pub(crate) fn for_changes(
        backend: &'a S3Backend,
        cx: &'a OpContext,
        client: Client,
    ) -> Result<Self, Error> {
        if !backend.service.signs() {
            let reason = "The backend has no key to write with: set secret_access_key";
            return Err(Error::new(ErrorKind::ReadOnly, "the change").with_source(reason));
        }
        Ok(Self {
            client,
            denies: true,
            ..Self::new(backend, cx)
        })
    }

    /// Makes an empty object whose key ends in a slash. What is above it needs none.
    pub(crate) async fn make_directory(&self, path: &FilePath) -> Result<FileEntry, Error> {
        let key = self.target(path, FileKind::Directory)?;
        match self.stat(path).await {
            Ok(_) => return Err(exists("the directory")),
            Err(error) if *error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.has_no_file_above(path).await?;
        self.made(&ObjectAsk::new(Method::PUT, &key), self.writing())
            .await?;
        Ok(FileEntry::directory(path.name()))
    }

    /// Returns the key for something new, that of a directory with a slash.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] for the root; [`ErrorKind::Refused`] outside the prefix, and for what lists leave out.
    pub(crate) fn target(&self, path: &FilePath, kind: FileKind) -> Result<String, Error> {
        if path.is_root() {
            return Err(exists("the path"));
        }
        let slash = if kind == FileKind::Directory { "/" } else { "" };
        let key = format!("{}{slash}", self.key(path));
        if !self.has(&key) {
            let prefix = self.backend.prefix();
            return Err(refused(format!(
                "The keys of this backend begin with {prefix}: choose a path that does, or change prefix"
            )));
        }
        if !self.shows(path, kind) {
            return Err(refused("Lists leave this name out: choose another one"));
        }
        Ok(key)
    }

    /// Sees to it that no directory above a path is a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotADirectory`], which names the file.
    pub(crate) async fn has_no_file_above(&self, path: &FilePath) -> Result<(), Error> {
        self.settled().await?;
        let above = std::iter::successors(path.parent(), FilePath::parent);
        let above = above.filter(|above| !above.is_root() && self.has(&self.key(above)));
        stream::iter(above.map(Ok))
            .try_for_each_concurrent(self.backend.service.limits().parallel, async |above| {
                if !self.is_object(&self.key(&above)).await? {
                    return Ok(());
                }
                let reason = format!("{above} is a file: choose another path, or move it away");
                Err(Error::new(ErrorKind::NotADirectory, "the path").with_source(reason))
            })
            .await
    }

    /// Returns whether there is an object; what a server does not show is none.
    pub(super) async fn is_object(&self, key: &str) -> Result<bool, Error> {
        let _permit = self.pace.acquire().await;
        let ask = ObjectAsk::new(Method::HEAD, key);
        let answer = self.backend.service.object(&self.client, &ask).await;
        Ok(matches!(answer.map_err(own)?, ObjectAnswer::Opened(_)))
    }

    /// Finds out where requests name the bucket.
    pub(crate) async fn settled(&self) -> Result<(), Error> {
        let (service, prefix) = (&self.backend.service, self.backend.prefix());
        service.settle(&self.client, prefix).await.map_err(own)
    }

    /// Asks for a change, patiently, which has to be made.
    pub(crate) async fn made(&self, ask: &ObjectAsk<'_>, asked: Asked) -> Result<Reply, Error> {
        let changed = self.change(ask, &asked).await?;
        if changed.is_made() {
            return Ok(changed.reply);
        }
        Err(self.unchanged(&changed.reply, asked).error)
    }

    /// Asks for a change, patiently, until it is made or refused.
    ///
    /// # Errors
    /// There was no such answer in time.
    pub(crate) async fn change(&self, ask: &ObjectAsk<'_>, asked: &Asked) -> Result<Changed, Error> {
        let mut backoff = Backoff::default();
        let mut again = false;
        loop {
            let permit = self.pace.acquire().await;
            let setback = match self.backend.service.change(&self.client, ask).await {
                Ok(reply) => {
                    let changed = Changed { reply, again };
                    if changed.is_made() {
                        return Ok(changed);
                    }
                    let setback = self.unchanged(&changed.reply, asked.clone());
                    if !setback.error.is_temporary() {
                        return Ok(changed);
                    }
                    setback
                }
                Err(error) => error.into(),
            };
            again = true;
            self.wait(&mut backoff, permit, setback).await?;
        }
    }

    /// Makes the error of a change that was refused.
    pub(crate) fn unchanged(&self, reply: &Reply, asked: Asked) -> Setback {
        let service = &self.backend.service;
        let meaning = service.meaning(reply);
        let kind = match meaning {
            Meaning::NoSpace => ErrorKind::NoSpace,
            _ if reply.status == StatusCode::METHOD_NOT_ALLOWED => ErrorKind::ReadOnly,
            Meaning::NoUpload => ErrorKind::NotFound,
            Meaning::LongKey => ErrorKind::Refused,
            Meaning::NoBucket => ErrorKind::Server,
            _ if reply.status == StatusCode::NOT_FOUND => ErrorKind::NotFound,
            meaning if meaning.is_denial() => ErrorKind::Denied,
            _ => ErrorKind::Server,
        };
        Setback {
            error: Error::new(kind, "the change")
                .with_temporary(meaning.is_temporary())
                .with_source(Refusal::new(reply, service, asked)),
            asked: retry::asked(&reply.headers),
            is_throttled: meaning == Meaning::Throttled,
        }
    }

    /// Returns what the answer to a change means.
    pub(crate) fn meaning(&self, changed: &Changed) -> Meaning {
        self.backend.service.meaning(&changed.reply)
    }

    pub(crate) fn writing(&self) -> Asked {
        Asked::Writing(self.backend.bucket.clone())
    }

    pub(crate) fn deleting(&self) -> Asked {
        Asked::Deleting(self.backend.bucket.clone())
    }

    /// Returns the path of a key, for people.
    pub(super) fn path_of(&self, key: &str) -> String {
        let below = key.strip_prefix(self.base).unwrap_or(key);
        format!("/{}", String::from_utf8_lossy(&encoding::bytes(below)))
    }
}

/// Makes the error of something that may not be done, whoever asks.
pub(crate) fn refused(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Refused, "the change").with_source(reason)
}

pub(crate) fn exists(step: &'static str) -> Error {
    Error::new(ErrorKind::Exists, step)
}
