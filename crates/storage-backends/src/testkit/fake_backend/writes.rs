//! Changing the files of a fake.

use async_trait::async_trait;
use bytes::Bytes;
use storage_domain::FilePath;

use super::files::{SharedFiles, allow};
use super::tree::FakeTree;
use crate::backend::{TreeMut, Upload};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{Condition, Deletion, FileEntry, FileKind, Progress};

/// Bytes of an upload that need not be stored yet.
const PENDING_BYTES: usize = 64 * 1024;

impl SharedFiles {
    /// Waits as long as one entry or piece takes; fails if nothing may be changed.
    async fn admit(&self, cx: &OpContext, step: &'static str) -> Result<(), Error> {
        let pace = self.lock().pace;
        cx.bound(step, tokio::time::sleep(pace)).await?;
        match self.lock().refusal.clone() {
            Some(kind) => Err(Error::new(kind, step).with_source("it was set up to fail")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl TreeMut for FakeTree {
    async fn make_directory(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        const STEP: &str = "making the directory";
        self.files.admit(cx, STEP).await?;
        let mut files = self.files.lock();
        if files.entry(path).is_ok() {
            return Err(Error::new(ErrorKind::Exists, STEP));
        }
        allow(path, FileKind::Directory, STEP)?;
        files.make_parents(path)?;
        files.nodes.insert(path.to_string(), None);
        files.entry(path)
    }

    async fn delete(
        &self,
        cx: &OpContext,
        path: &FilePath,
        deletion: Deletion,
        progress: &Progress,
    ) -> Result<(), Error> {
        const STEP: &str = "the deletion";
        let _under_way = self.calls.begin();
        let mut left = vec![path.clone()];
        {
            let files = self.files.lock();
            allow(path, files.entry(path)?.kind, STEP)?;
            left.extend(files.below(path));
        }
        if let (Deletion::Single, Some(inside)) = (deletion, left.get(1)) {
            return Err(Error::new(ErrorKind::NotEmpty, STEP).with_source(inside.to_string()));
        }
        let mut stays = None;
        while let Some(path) = left.pop() {
            self.files.admit(cx, STEP).await?;
            let mut files = self.files.lock();
            let Ok(entry) = files.entry(&path) else { continue };
            if allow(&path, entry.kind, STEP).is_err() {
                stays = Some(path);
            } else if files.below(&path).is_empty() {
                files.nodes.remove(path.as_str());
                progress.add(1);
            }
        }
        match stays {
            Some(path) => Err(Error::new(ErrorKind::NotEmpty, STEP).with_source(path.to_string())),
            None => Ok(()),
        }
    }

    async fn rename(
        &self,
        cx: &OpContext,
        from: &FilePath,
        to: &FilePath,
        progress: &Progress,
    ) -> Result<(), Error> {
        const STEP: &str = "the move";
        let _under_way = self.calls.begin();
        self.files.admit(cx, STEP).await?;
        let mut files = self.files.lock();
        let kind = files.entry(from)?.kind;
        allow(from, kind, STEP)?;
        allow(to, kind, STEP)?;
        if to.is_below(from) {
            return Err(Error::new(ErrorKind::Refused, STEP));
        }
        if files.entry(to).is_ok() {
            return Err(Error::new(ErrorKind::Exists, STEP));
        }
        let parent = to.parent().unwrap_or_else(FilePath::root);
        if !files
            .entry(&parent)
            .is_ok_and(|entry| entry.kind == FileKind::Directory)
        {
            return Err(Error::new(ErrorKind::NotADirectory, STEP));
        }
        let mut moved = vec![from.clone()];
        moved.extend(files.below(from));
        for path in moved {
            let rest = &path.as_str()[from.as_str().len()..];
            if let Some(node) = files.nodes.remove(path.as_str()) {
                files.nodes.insert(format!("{to}{rest}"), node);
            }
        }
        progress.add(1);
        Ok(())
    }

    fn upload(&self, path: &FilePath) -> Box<dyn Upload> {
        let mut files = self.files.lock();
        files.begun += 1;
        Box::new(FakeUpload {
            files: self.files.clone(),
            path: path.clone(),
            record: format!("fake-{}", files.begun),
            pending: Vec::new(),
        })
    }

    async fn resume(&self, cx: &OpContext, path: &FilePath, record: &str) -> Result<Box<dyn Upload>, Error> {
        const STEP: &str = "taking up the upload";
        self.files.admit(cx, STEP).await?;
        if !self.files.lock().uploads.contains_key(record) {
            return Err(Error::new(ErrorKind::NotFound, STEP));
        }
        Ok(Box::new(FakeUpload {
            files: self.files.clone(),
            path: path.clone(),
            record: record.to_owned(),
            pending: Vec::new(),
        }))
    }
}

#[derive(Debug)]
struct FakeUpload {
    files: SharedFiles,
    path: FilePath,
    record: String,
    /// What a drop loses.
    pending: Vec<u8>,
}

#[async_trait]
impl Upload for FakeUpload {
    /// There is none before anything is stored.
    fn record(&self) -> Option<&str> {
        let is_stored = self.files.lock().uploads.contains_key(&self.record);
        is_stored.then_some(self.record.as_str())
    }

    fn stored(&self) -> u64 {
        let files = self.files.lock();
        files
            .uploads
            .get(&self.record)
            .map_or(0, |stored| stored.len() as u64)
    }

    async fn write(&mut self, cx: &OpContext, bytes: Bytes) -> Result<(), Error> {
        const STEP: &str = "writing the file";
        self.files.admit(cx, STEP).await?;
        {
            let mut files = self.files.lock();
            allow(&self.path, FileKind::File, STEP)?;
            let len = bytes.len() as u64;
            if let Some(space) = &mut files.space {
                *space = space
                    .checked_sub(len)
                    .ok_or_else(|| Error::new(ErrorKind::NoSpace, STEP))?;
            }
        }
        self.pending.extend_from_slice(&bytes);
        if self.pending.len() >= PENDING_BYTES {
            self.store(cx).await?;
        }
        Ok(())
    }

    async fn store(&mut self, cx: &OpContext) -> Result<(), Error> {
        self.files.admit(cx, "storing the file").await?;
        let mut files = self.files.lock();
        let stored = files.uploads.entry(self.record.clone()).or_default();
        stored.append(&mut self.pending);
        Ok(())
    }

    async fn publish(mut self: Box<Self>, cx: &OpContext, condition: &Condition) -> Result<FileEntry, Error> {
        const STEP: &str = "publishing the file";
        self.files.admit(cx, STEP).await?;
        let mut files = self.files.lock();
        allow(&self.path, FileKind::File, STEP)?;
        let there = files.entry(&self.path).ok();
        let kind = match condition {
            _ if there.as_ref().is_some_and(|e| e.kind == FileKind::Directory) => Some(ErrorKind::NotAFile),
            Condition::None => None,
            Condition::Absent | Condition::Version(_) if files.is_unconditional => {
                Some(ErrorKind::Unconditional)
            }
            Condition::Absent => there.map(|_| ErrorKind::Exists),
            Condition::Version(version) => {
                let has = there.and_then(|entry| entry.etag);
                (has.as_ref() != Some(version)).then_some(ErrorKind::Changed)
            }
        };
        if let Some(kind) = kind {
            return Err(Error::new(kind, STEP));
        }
        files.make_parents(&self.path)?;
        let mut content = files.uploads.remove(&self.record).unwrap_or_default();
        content.append(&mut self.pending);
        files
            .nodes
            .insert(self.path.to_string(), Some(Bytes::from(content)));
        if std::mem::take(&mut files.loses_publication) {
            files.stat_refusal = Some(ErrorKind::Timeout);
            return Err(Error::new(ErrorKind::Timeout, STEP));
        }
        files.entry(&self.path)
    }

    async fn abandon(self: Box<Self>, _cx: &OpContext) -> Result<(), Error> {
        self.files.lock().uploads.remove(&self.record);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
