//! Moves objects: copies each, and deletes it.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::header::{HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use storage_domain::FilePath;

use super::change::{exists, refused};
use super::delete::BATCH;
use super::multipart::Parts;
use super::{Cursor, ObjectTree};
use crate::error::{Error, ErrorKind};
use crate::files::{Condition, FileKind, Progress};
use crate::s3::encoding;
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Form, ObjectAsk};

/// Names the object that is copied.
const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
/// Names the bytes of it that are copied.
const COPY_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");
/// The largest object that one request copies, in bytes.
const MAX_COPY: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes of one part of a larger one: 10,000 of them are more than an object can have.
const COPY_PART: u64 = 1024 * 1024 * 1024;
/// Header fields that are copied along with a larger object; one request copies them by itself.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

impl ObjectTree<'_> {
    /// Moves a file, or a directory key by key.
    pub(crate) async fn rename(
        &self,
        from: &FilePath,
        to: &FilePath,
        progress: &Progress,
    ) -> Result<(), Error> {
        let kind = self.touched(from).await?;
        let is_inside = to.as_str().strip_prefix(from.as_str());
        if kind == FileKind::Directory && is_inside.is_some_and(|below| below.starts_with('/')) {
            return Err(refused(
                "A directory can't be moved into itself: choose another place",
            ));
        }
        let target = self.target(to, kind)?;
        self.has_no_file_above(to).await?;
        match self.stat(to).await {
            Ok(_) => return Err(exists("the move")),
            Err(error) if *error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let key = self.key(from);
        if kind == FileKind::Directory {
            return self.rename_below(&format!("{key}/"), &target, progress).await;
        }
        let size = self.stat(from).await?.size.map(storage_domain::ByteCount::get);
        self.copy(&key, &target, size).await?;
        self.delete_one(&key).await?;
        progress.add(1);
        Ok(())
    }

    /// Moves all keys below a directory, or none if lists leave one of them out.
    async fn rename_below(&self, own: &str, target: &str, progress: &Progress) -> Result<(), Error> {
        let (mut cursor, mut has_more) = (Cursor::new(own), true);
        while has_more {
            let objects;
            (objects, has_more) = self.below(own, &mut cursor).await?;
            if let Some(object) = objects
                .iter()
                .find(|object| !self.is_shown_below(own, &object.key))
            {
                return Err(refused(format!(
                    "The directory holds {}, which lists leave out: move it by other means",
                    self.path_of(&object.key)
                )));
            }
        }
        (cursor, has_more) = (Cursor::new(own), true);
        while has_more {
            let objects;
            (objects, has_more) = self.below(own, &mut cursor).await?;
            for batch in objects.chunks(BATCH) {
                let copies = stream::iter(batch.to_vec()).map(|object| async move {
                    let below = object.key.strip_prefix(own).unwrap_or_default();
                    let to = format!("{target}{below}");
                    self.copy(&object.key, &to, object.size).await?;
                    Ok(object.key)
                });
                let parallel = self.backend.service.limits().parallel;
                let keys: Vec<_> = copies.buffer_unordered(parallel).try_collect().await?;
                self.delete_all(&keys, progress).await?;
            }
        }
        Ok(())
    }

    /// Copies an object to a key at which nothing was a moment ago. Servers that honour the condition see to it that it is so
    /// still.
    async fn copy(&self, from: &str, to: &str, size: Option<u64>) -> Result<(), Error> {
        let source = format!("{}/{}", self.backend.bucket, encoding::path(from));
        let source = HeaderValue::try_from(source).ok();
        let size = size.unwrap_or_default();
        if size > MAX_COPY {
            return self.copy_large((from, source), to, size).await;
        }
        let honoured = self
            .backend
            .service
            .conditions
            .cell(Form::Copy, &Condition::Absent);
        loop {
            let is_conditional = honoured.get() != Some(&false);
            let absent = is_conditional.then(|| HeaderValue::from_static("*"));
            let ask = ObjectAsk::new(Method::PUT, to)
                .with(COPY_SOURCE, source.clone())
                .with(IF_NONE_MATCH, absent);
            let changed = self.change(&ask, &self.writing()).await?;
            if changed.is_made() {
                return Ok(());
            }
            let is_unknown = self.meaning(&changed) == Meaning::Unsupported;
            match changed.reply.status {
                // Swift applies the condition to what is copied.
                StatusCode::PRECONDITION_FAILED if is_conditional && !self.is_object(to).await? => {
                    let _ = honoured.set(false);
                }
                StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => return Err(exists("the move")),
                _ if is_conditional && is_unknown => {
                    let _ = honoured.set(false);
                }
                _ => return Err(self.unchanged(&changed.reply, self.writing()).error),
            }
        }
    }

    async fn copy_large(
        &self,
        (from, source): (&str, Option<HeaderValue>),
        to: &str,
        size: u64,
    ) -> Result<(), Error> {
        let ask = ObjectAsk::new(Method::HEAD, from);
        let head = self.open(&ask).await?;
        let headers = head.headers().iter();
        let is_kept = |name: &str| KEPT.contains(&name) || name.starts_with("x-amz-meta-");
        let headers = headers.filter(|(name, _)| is_kept(name.as_str()));
        let headers: HeaderMap = headers
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let id = self.begin(to, headers).await?;
        let copied = self.copy_parts((to, &id), source, size).await;
        if copied.is_err() {
            let _ = self.abort(to, &id).await;
        }
        copied
    }

    async fn copy_parts(
        &self,
        upload: (&str, &str),
        source: Option<HeaderValue>,
        size: u64,
    ) -> Result<(), Error> {
        let mut left = 0..size;
        let parts = (1..).map_while(|number| {
            let first = left.start;
            left.start = size.min(first + COPY_PART);
            (first < size).then_some((number, first..left.start))
        });
        let copies = parts.map(|(number, bytes)| {
            let range = format!("bytes={}-{}", bytes.start, bytes.end - 1);
            let fields = [
                (COPY_SOURCE, source.clone()),
                (COPY_RANGE, HeaderValue::try_from(range).ok()),
            ];
            let fields = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            let (headers, size) = (fields.collect(), bytes.end - bytes.start);
            async move { self.copy_part(upload, number, (headers, size)).await }
        });
        let parallel = self.backend.service.limits().parallel;
        let parts: Parts = stream::iter(copies)
            .buffer_unordered(parallel)
            .map_ok(|part| (part.number, part))
            .try_collect()
            .await?;
        let changed = self.complete(upload, &parts, HeaderMap::new()).await?;
        if changed.is_made() {
            return Ok(());
        }
        Err(self.unchanged(&changed.reply, self.writing()).error)
    }
}
