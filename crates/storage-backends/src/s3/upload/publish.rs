//! Makes an object appear at its key.

use bytes::Bytes;
use hyper::Method;
use md5::{Digest as _, Md5};
use storage_domain::{ByteCount, FilePath};

use super::ObjectUpload;
use super::conditions::{headers, is_unmet};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{Condition, FileEntry, FileKind};
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Form, ObjectAsk, base16};
use crate::s3::tree::{Changed, ObjectTree, written};
use crate::web::Client;
use crate::web::file::{etag, strong};

/// What was written, and what was there before.
struct Publication<'a> {
    condition: &'a Condition,
    before: Option<FileEntry>,
    size: u64,
    /// All of the bytes, if they are in memory still.
    content: Option<Bytes>,
}

impl ObjectUpload {
    pub(super) async fn publish_here(
        &mut self,
        cx: &OpContext,
        condition: &Condition,
    ) -> Result<FileEntry, Error> {
        if self.id.is_some() {
            let has_parts = !self.parts.is_empty() || !self.running.is_empty();
            if !self.buffer.is_empty() || !has_parts {
                self.send_part(cx).await?;
            }
            self.join_all(cx).await?;
        }
        cx.bound("the upload", self.appear(cx, condition)).await?
    }

    async fn appear(&mut self, cx: &OpContext, condition: &Condition) -> Result<FileEntry, Error> {
        if self.path.is_root() {
            return Err(Error::new(ErrorKind::NotAFile, "the upload"));
        }
        let content = Bytes::from(std::mem::take(&mut self.buffer));
        let tree = self.tree(cx)?;
        let key = tree.target(&self.path, FileKind::File)?;
        let before = before(&tree, self, condition).await?;
        let form = if self.id.is_some() {
            Form::Complete
        } else {
            Form::Put
        };
        if !tree.honours(form, condition).await? {
            return Err(unconditional());
        }
        // Over a new connection: a request that finds an idle one closed is sent again, and by then its condition may fail for
        // what it did itself.
        let (long, cx) = (
            self.backend.service.connector().for_long_work(),
            cx.clone().patiently(),
        );
        let last = ObjectTree::for_changes(&self.backend, &cx, Client::new(long, None))?;
        let (changed, size, content) = if let Some(id) = &self.id {
            let size = self.parts.values().map(|part| part.size).sum();
            let changed = last.complete((&key, id), &self.parts, headers(condition)).await;
            (changed, size, None)
        } else {
            let ask = ObjectAsk::new(Method::PUT, &key)
                .with_headers(headers(condition))
                .with_body(content.clone());
            let changed = last.change(&ask, &last.writing()).await;
            (changed, content.len() as u64, Some(content))
        };
        let found = find(&tree, &self.path).await;
        let publication = Publication {
            condition,
            before,
            size,
            content,
        };
        match changed {
            Ok(changed) => publication.entry(&tree, &changed, found, self.path.name()),
            // The last answer may be lost, and not what was asked for.
            Err(error) => {
                let found = found.ok().flatten();
                found.filter(|found| publication.is_of_this(found)).ok_or(error)
            }
        }
    }
}

/// Describes what is at a path; `None` if nothing is.
async fn find(tree: &ObjectTree<'_>, path: &FilePath) -> Result<Option<FileEntry>, Error> {
    match tree.stat(path).await {
        Err(error) if *error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Returns the file that is replaced, if the condition is met by now.
async fn before(
    tree: &ObjectTree<'_>,
    upload: &ObjectUpload,
    condition: &Condition,
) -> Result<Option<FileEntry>, Error> {
    tree.has_no_file_above(&upload.path).await?;
    let before = find(tree, &upload.path).await?;
    if before
        .as_ref()
        .is_some_and(|before| before.kind == FileKind::Directory)
    {
        return Err(Error::new(ErrorKind::NotAFile, "the upload"));
    }
    let tag = before.as_ref().and_then(|entry| entry.etag.as_ref());
    let is_met = match condition {
        Condition::None => true,
        Condition::Absent => before.is_none(),
        Condition::Version(version) => tag == Some(version),
    };
    if is_met { Ok(before) } else { Err(unmet(condition)) }
}

impl Publication<'_> {
    /// Describes the file; `found` is what is at its path now.
    fn entry(
        &self,
        tree: &ObjectTree<'_>,
        changed: &Changed,
        found: Result<Option<FileEntry>, Error>,
        name: &str,
    ) -> Result<FileEntry, Error> {
        let meaning = tree.meaning(changed);
        let tag = written(&changed.reply)
            .map_or_else(|| etag(&changed.reply.headers), |written| strong(&written.etag));
        let is_unmet = is_unmet(changed, self.condition);
        let may_be_done = changed.again && (is_unmet || meaning == Meaning::NoUpload);
        let found = match found {
            // Only what is at the path decides, and that is not known now.
            Err(error) if may_be_done && error.is_temporary() => return Err(error),
            found => found.ok().flatten(),
        };
        if changed.is_made() && tag.is_some() {
            let entry = FileEntry {
                kind: FileKind::File,
                size: Some(ByteCount::saturating(self.size)),
                etag: tag,
                ..FileEntry::directory(name)
            };
            return Ok(found.filter(|found| found.etag == entry.etag).unwrap_or(entry));
        }
        if let Some(found) =
            found.filter(|found| (changed.is_made() || may_be_done) && self.is_of_this(found))
        {
            return Ok(found);
        }
        if is_unmet {
            return Err(unmet(self.condition));
        }
        if *self.condition != Condition::None && meaning == Meaning::Unsupported {
            return Err(unconditional());
        }
        Err(tree.unchanged(&changed.reply, tree.writing()).error)
    }

    /// Returns whether an earlier try, whose answer was lost, made this file.
    fn is_of_this(&self, found: &FileEntry) -> bool {
        let seen = |entry: &FileEntry| (entry.etag.clone(), entry.modified_at);
        let is_new = self.before.as_ref().map(seen) != Some(seen(found));
        let is_same = self.content.as_ref().is_none_or(|content| {
            let md5 = base16(&Md5::digest(content));
            found.etag.as_ref() == Some(&md5)
        });
        found.size == Some(ByteCount::saturating(self.size)) && is_new && is_same
    }
}

fn unmet(condition: &Condition) -> Error {
    let kind = match condition {
        Condition::Version(_) => ErrorKind::Changed,
        Condition::Absent | Condition::None => ErrorKind::Exists,
    };
    Error::new(kind, "the upload")
}

fn unconditional() -> Error {
    let reason = "The server has no such conditional writes: write without a condition, or update the server";
    Error::new(ErrorKind::Unconditional, "the upload").with_source(reason)
}
