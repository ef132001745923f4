//! Objects as files: what is at a path, and its bytes.

use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, IF_MATCH, LAST_MODIFIED, RANGE};
use hyper::{Method, Response, StatusCode};
use storage_domain::{ByteCount, FilePath};

use super::level::Level;
use super::{ObjectTree, Setback};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{self, ByteStream, FileEntry, FileKind, FilePage, PageRequest, ReadRequest};
use crate::s3::messages::Asked;
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{ObjectAnswer, ObjectAsk, Reply};
use crate::s3::{S3Backend, SETTING, encoding};
use crate::web::body::Body;
use crate::web::file::{self, Part};
use crate::web::retry::Backoff;
use crate::web::{self, Client};

impl<'a> ObjectTree<'a> {
    /// The tree as a client sees it, who learns of what the key may not read.
    pub(crate) fn for_files(backend: &'a S3Backend, cx: &'a OpContext) -> Self {
        let tree = Self::new(backend, cx);
        Self {
            client: Client::new(backend.service.connector().for_streams(), None),
            denies: true,
            ..tree
        }
    }

    pub(crate) async fn page_of(
        &self,
        directory: &FilePath,
        request: &PageRequest,
    ) -> Result<FilePage, Error> {
        let level = Level::new(self, directory).filter(|_| self.shows(directory, FileKind::Directory));
        let level = level.ok_or_else(|| missing("the listing"))?;
        level.page(request).await
    }

    /// A key that is a prefix too is shown as the file.
    pub(crate) async fn stat(&self, path: &FilePath) -> Result<FileEntry, Error> {
        if path.is_root() {
            self.has_keys(self.backend.prefix()).await?;
            return Ok(FileEntry::directory(""));
        }
        let key = self.key(path);
        if !self.may_be_a_file(path, &key) {
            return self.directory(path, &key).await;
        }
        self.settled().await?;
        let head = self
            .backend
            .service
            .object(&self.client, &ObjectAsk::new(Method::HEAD, &key))
            .await;
        if let Ok(ObjectAnswer::Opened(answer)) = &head {
            return Ok(entry(path, answer.headers()));
        }
        match self.directory(path, &key).await {
            // An answer to HEAD has no words: GET says why.
            Err(error) if is_inconclusive(&error) && !is_missing(&head) => {}
            found => return found,
        }
        let answer = self.open(&ObjectAsk::new(Method::GET, &key)).await?;
        Ok(entry(path, answer.headers()))
    }

    pub(crate) async fn read(&self, path: &FilePath, request: &ReadRequest) -> Result<ByteStream, Error> {
        if path.is_root() || request.length == Some(0) {
            return file::nothing(&self.stat(path).await?, request);
        }
        let key = self.key(path);
        if !self.may_be_a_file(path, &key) {
            return Err(self.unreadable(path, &key, missing("the file")).await);
        }
        self.settled().await?;
        let quoted = |tag: &String| HeaderValue::try_from(format!("\"{tag}\"")).ok();
        let ask = ObjectAsk::new(Method::GET, &key)
            .with(RANGE, file::range(request))
            .with(IF_MATCH, request.etag.as_ref().and_then(quoted));
        let answer = match self.open(&ask).await {
            Ok(answer) => answer,
            Err(error) if *error.kind() == ErrorKind::NotFound => {
                return Err(self.unreadable(path, &key, error).await);
            }
            Err(error) => return Err(error),
        };
        // There are servers that do not know If-Match.
        if request.etag.is_some() && file::etag(answer.headers()) != request.etag {
            return Err(file::changed());
        }
        let part = Part::of(request, answer.status(), answer.headers());
        let part = part.map_err(|misfit| misfit.into_error(SETTING))?;
        Ok(part.stream(answer.into_body(), self.client.limits().pause, SETTING))
    }

    /// Returns the key of a path other than the root.
    pub(super) fn key(&self, path: &FilePath) -> String {
        format!("{}{}", self.base, encoding::text(path.relative().as_bytes()))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        key.starts_with(self.backend.prefix())
    }

    pub(super) fn shows(&self, path: &FilePath, kind: FileKind) -> bool {
        files::is_shown(path, kind, &self.backend.ignored)
    }

    fn may_be_a_file(&self, path: &FilePath, key: &str) -> bool {
        self.has(key) && self.shows(path, FileKind::File)
    }

    /// Returns whether keys begin with this.
    pub(super) async fn has_keys(&self, prefix: &str) -> Result<bool, Error> {
        let query = [
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", "1"),
            ("prefix", prefix),
        ];
        let page = self.fetch(&query).await?;
        Ok(!page.objects.is_empty())
    }

    /// Describes the directory at a path, if there are keys below.
    async fn directory(&self, path: &FilePath, key: &str) -> Result<FileEntry, Error> {
        let below = format!("{key}/");
        let may_be_one = self.has(&below) && self.shows(path, FileKind::Directory);
        if may_be_one && self.has_keys(&below).await? {
            return Ok(FileEntry::directory(path.name()));
        }
        Err(missing("the file"))
    }

    /// Makes the error of a path at which no object is.
    async fn unreadable(&self, path: &FilePath, key: &str, error: Error) -> Error {
        if self.directory(path, key).await.is_ok() {
            return Error::new(ErrorKind::NotAFile, "the file");
        }
        error
    }

    pub(super) async fn open(&self, ask: &ObjectAsk<'_>) -> Result<Response<Body>, Error> {
        let mut backoff = Backoff::default();
        loop {
            let permit = self.pace.acquire().await;
            let setback = match self.backend.service.object(&self.client, ask).await {
                Ok(ObjectAnswer::Opened(answer)) => return Ok(answer),
                Ok(ObjectAnswer::Refused(reply)) => self.unopened(&reply)?,
                Err(error) => error.into(),
            };
            self.wait(&mut backoff, permit, setback).await?;
        }
    }

    /// Makes the setback of an answer that is not an object.
    ///
    /// # Errors
    /// What the answer says of the path.
    fn unopened(&self, reply: &Reply) -> Result<Setback, Error> {
        match reply.status {
            StatusCode::PRECONDITION_FAILED => Err(file::changed()),
            StatusCode::NOT_FOUND if self.backend.service.meaning(reply) != Meaning::NoBucket => {
                Err(missing("the file"))
            }
            _ => Ok(self.refused(reply, Asked::Object(self.backend.bucket.clone()))),
        }
    }
}

pub(super) fn own(error: web::Error) -> Error {
    error.into_backend_error(SETTING)
}

fn missing(step: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, step)
}

/// Returns whether an error of a listing leaves open whether there is an object.
fn is_inconclusive(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied)
}

fn is_missing(head: &Result<ObjectAnswer, web::Error>) -> bool {
    matches!(head, Ok(ObjectAnswer::Refused(reply)) if reply.status == StatusCode::NOT_FOUND)
}

fn entry(path: &FilePath, headers: &HeaderMap) -> FileEntry {
    let size = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    FileEntry {
        kind: FileKind::File,
        size: size.and_then(|size| size.parse().ok()).map(ByteCount::saturating),
        modified_at: file::date(headers, LAST_MODIFIED),
        etag: file::etag(headers),
        ..FileEntry::directory(path.name())
    }
}
