//! Writes an object: at once if it fits into one part, and otherwise part by part, several of them at the same time.
//!
//! What is written is copied into the buffer of one part. How large a part is follows from its number alone, so that an
//! upload goes on where another process left it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::header::HeaderMap;
use storage_domain::FilePath;
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};
use tokio::task::JoinSet;

use crate::backend::Upload;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{Condition, FileEntry, FileKind};
use crate::s3::S3Backend;
use crate::s3::tree::{MAX_PARTS, ObjectTree, Parts};
use crate::s3::xml::Part;
use crate::web::Client;

mod conditions;
mod parts;
mod publish;

use parts::{etag_of, part_size, pieces};

/// Parts that are sent at once, while another one is filled.
const IN_FLIGHT: usize = 3;
/// How long one part may take, all tries together.
const PART_LIMIT: Duration = Duration::from_mins(30);
/// How long an upload waits for the memory that others hold.
const MEMORY_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to remove what a failed upload stored.
const ABORT_LIMIT: Duration = Duration::from_secs(30);

/// An object that is being written.
pub(super) struct ObjectUpload {
    backend: S3Backend,
    client: Client,
    path: FilePath,
    /// The id, once the upload has more than one part.
    id: Option<String>,
    parts: Parts,
    /// The number of the part that is filled.
    number: u32,
    buffer: Vec<u8>,
    /// Permits for the memory of the buffer.
    memory: Option<OwnedSemaphorePermit>,
    running: JoinSet<Result<Part, Error>>,
}

impl ObjectUpload {
    pub(super) fn new(backend: &S3Backend, path: &FilePath) -> Self {
        Self {
            backend: backend.clone(),
            client: backend.service.client(),
            path: path.clone(),
            id: None,
            parts: Parts::new(),
            number: 1,
            buffer: Vec::new(),
            memory: None,
            running: JoinSet::new(),
        }
    }

    /// Takes up the upload of this id, behind the parts that it has from its beginning on.
    pub(super) async fn resume(
        backend: &S3Backend,
        cx: &OpContext,
        path: &FilePath,
        id: &str,
    ) -> Result<Self, Error> {
        let mut upload = Self::new(backend, path);
        if id.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "the upload"));
        }
        let tree = upload.tree(cx)?;
        let key = tree.target(path, FileKind::File)?;
        let asked = async { Ok::<_, Error>((tree.parts(&key, id).await?, tree.stat(path).await)) };
        let (stored, found) = cx.bound("the upload", asked).await??;
        drop(tree);
        // Swift knows an upload that was published still, and writing a part of it again would break the object.
        let tag = etag_of(&stored);
        if found.is_ok_and(|found| tag.is_some() && found.etag == tag) {
            return Err(Error::new(ErrorKind::NotFound, "the upload"));
        }
        // A last part, which is smaller, was sent by a publication that failed.
        let is_whole = |part: &Part| part.size == part_size(part.number) as u64 && !part.etag.is_empty();
        while let Some(part) = stored.get(&upload.number).filter(|part| is_whole(part)) {
            upload.parts.insert(upload.number, part.clone());
            upload.number += 1;
        }
        upload.id = Some(id.to_owned());
        Ok(upload)
    }

    fn tree<'a>(&'a self, cx: &'a OpContext) -> Result<ObjectTree<'a>, Error> {
        ObjectTree::for_changes(&self.backend, cx, self.client.clone())
    }

    fn is_full(&self) -> bool {
        self.buffer.len() == part_size(self.number)
    }

    /// Makes room for the part of the next number.
    async fn begin_part(&mut self, cx: &OpContext) -> Result<(), Error> {
        if self.number > MAX_PARTS {
            let reason = "A file of an S3 backend may have 492 GiB: write it with another client";
            return Err(Error::new(ErrorKind::NoSpace, "the upload").with_source(reason));
        }
        let (memory, pieces) = (
            self.backend.service.connector().upload_memory(),
            pieces(self.number),
        );
        let permit = loop {
            match memory.clone().try_acquire_many_owned(pieces) {
                Ok(permit) => break permit,
                // Waiting for the own parts can't be waiting for another upload that waits for this one.
                Err(TryAcquireError::NoPermits) if !self.running.is_empty() => self.join_one(cx).await?,
                Err(_) => {
                    let cx = cx.step(MEMORY_LIMIT);
                    let permit = cx.bound("the upload", memory.acquire_many_owned(pieces)).await;
                    let busy = || Error::new(ErrorKind::TooBusy, "the upload");
                    break permit
                        .map_err(|error| if error.is_timeout() { busy() } else { error })?
                        .map_err(|_| busy())?;
                }
            }
        };
        self.memory = Some(permit);
        self.buffer = Vec::with_capacity(part_size(self.number));
        Ok(())
    }

    /// Begins to send the buffer.
    async fn send_part(&mut self, cx: &OpContext) -> Result<(), Error> {
        let key = self.tree(cx)?.target(&self.path, FileKind::File)?;
        if self.id.is_none() {
            let tree = self.tree(cx)?;
            let begun = cx
                .bound("the upload", tree.begin(&key, HeaderMap::new()))
                .await??;
            drop(tree);
            self.id = Some(begun);
        }
        let id = self.id.clone().unwrap_or_default();
        while self.running.len() >= IN_FLIGHT {
            self.join_one(cx).await?;
        }
        let (bytes, memory) = (Bytes::from(std::mem::take(&mut self.buffer)), self.memory.take());
        let (backend, client, number) = (self.backend.clone(), self.client.clone(), self.number);
        let cx = OpContext::within(PART_LIMIT).with_cancel(cx.cancellation().clone());
        self.running.spawn(async move {
            let tree = ObjectTree::for_changes(&backend, &cx, client)?;
            let part = cx
                .bound("the upload", tree.put_part((&key, &id), number, bytes))
                .await?;
            drop(memory);
            part
        });
        self.number += 1;
        Ok(())
    }

    async fn join_one(&mut self, cx: &OpContext) -> Result<(), Error> {
        let joined = cx.bound("the upload", self.running.join_next()).await?;
        match joined {
            None => Ok(()),
            Some(Ok(part)) => {
                let part = part?;
                self.parts.insert(part.number, part);
                Ok(())
            }
            Some(Err(error)) => Err(Error::new(ErrorKind::Server, "the upload").with_source(error)),
        }
    }

    async fn join_all(&mut self, cx: &OpContext) -> Result<(), Error> {
        while !self.running.is_empty() {
            self.join_one(cx).await?;
        }
        Ok(())
    }

    /// Removes what is stored, if anything is.
    async fn remove(&mut self, cx: &OpContext) -> Result<(), Error> {
        self.running.shutdown().await;
        let Some(id) = &self.id else { return Ok(()) };
        let tree = self.tree(cx)?;
        let key = tree.target(&self.path, FileKind::File)?;
        cx.bound("the upload", tree.abort(&key, id)).await?
    }
}

#[async_trait]
impl Upload for ObjectUpload {
    fn record(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn stored(&self) -> u64 {
        let in_order = self.parts.values().zip(1..);
        let in_order = in_order.take_while(|(part, number)| part.number == *number);
        in_order.map(|(part, _)| part.size).sum()
    }

    async fn write(&mut self, cx: &OpContext, mut bytes: Bytes) -> Result<(), Error> {
        while !bytes.is_empty() {
            // The last part is not sent before it is known whether it is the only one.
            if self.is_full() {
                self.send_part(cx).await?;
            }
            if self.memory.is_none() {
                self.begin_part(cx).await?;
            }
            let room = part_size(self.number) - self.buffer.len();
            let piece = bytes.split_to(room.min(bytes.len()));
            self.buffer.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Waits for the parts that are sent. What does not fill one is not stored.
    async fn store(&mut self, cx: &OpContext) -> Result<(), Error> {
        if self.is_full() {
            self.send_part(cx).await?;
        }
        self.join_all(cx).await
    }

    async fn publish(mut self: Box<Self>, cx: &OpContext, condition: &Condition) -> Result<FileEntry, Error> {
        let published = self.publish_here(cx, condition).await;
        // Whoever kept the record may try again what failed for now; nobody can call `abandon` any more.
        let is_over = |error: &Error| !error.is_temporary() || *error.kind() == ErrorKind::Changed;
        if published.as_ref().is_err_and(is_over) {
            let _ = self.remove(&OpContext::within(ABORT_LIMIT)).await;
        }
        published
    }

    async fn abandon(mut self: Box<Self>, cx: &OpContext) -> Result<(), Error> {
        self.remove(cx).await
    }
}

impl fmt::Debug for ObjectUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectUpload")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
