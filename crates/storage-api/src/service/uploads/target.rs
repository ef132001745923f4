//! Where a file is to be written, checked before its bytes are asked for.

use std::sync::Arc;

use storage_backends::{
    Backend as LiveBackend, Condition, Error, ErrorKind, FileEntry, FileKind, OpContext, Tree, Upload,
};
use storage_domain::{Backend, BackendId, FilePath};

use super::super::changes::tree_mut;
use super::{App, AppError, NewFile, Permit, UploadError, WrittenFile, files};

const STEP: &str = "the upload";

/// What was found at the path.
pub(super) enum Target {
    /// The file can be written.
    Free(Box<FreeTarget>),
    /// The very same file is there, which a client that only creates takes for success.
    There(WrittenFile),
}

/// A path that can be written to.
pub(super) struct FreeTarget {
    pub(super) backend: Backend,
    pub(super) live: Arc<dyn LiveBackend>,
    pub(super) upload: Box<dyn Upload>,
    pub(super) is_new: bool,
}

impl App {
    /// Looks at the path of a new file. A backend that is not mounted is tested first, which mounts it.
    ///
    /// # Errors
    /// Whatever would keep the file from being published as it is now.
    pub(super) async fn target(
        &self,
        id: BackendId,
        new: &NewFile,
        permit: Permit,
    ) -> Result<Target, AppError> {
        if let Some(length) = new.length {
            self.uploads.check_size(length)?;
        }
        let (_, live) = self.with_files(id).await?;
        tree_mut(&*live).map_err(files)?;
        let there = self.find_file(id, &new.path, permit).await?;
        if there
            .as_ref()
            .is_some_and(|there| there.kind == FileKind::Directory)
        {
            return Err(files(Error::new(ErrorKind::NotAFile, STEP)));
        }
        if !self.supervisor.registry.shows_file(&new.path) {
            let remedy = "Lists leave this name, or a directory above it, out; choose another path";
            return Err(files(Error::new(ErrorKind::Refused, STEP).with_source(remedy)));
        }
        let (backend, live) = self.with_files(id).await?;
        let tree = tree_mut(&*live).map_err(files)?;
        let capabilities = live.as_tree().map(Tree::capabilities).unwrap_or_default();
        if !capabilities.write {
            let remedy = match live.as_mount() {
                Some(_) => "The backend is mounted read-only; set mount_options to include rw",
                None => "The backend has no key to write with; set secret_access_key",
            };
            return Err(files(Error::new(ErrorKind::ReadOnly, STEP).with_source(remedy)));
        }
        if new.condition != Condition::None && !capabilities.conditional {
            return Err(files(Error::new(ErrorKind::Unconditional, STEP)));
        }
        let is_met = match &new.condition {
            Condition::None => true,
            Condition::Absent => there.is_none(),
            Condition::Version(version) => {
                there.as_ref().and_then(|there| there.etag.as_ref()) == Some(version)
            }
        };
        if !is_met {
            let same = self.same(id, new, there).await?;
            return same
                .map(Target::There)
                .ok_or_else(|| UploadError::Condition.into());
        }
        let upload = tree.upload(&new.path);
        Ok(Target::Free(Box::new(FreeTarget {
            backend,
            live,
            upload,
            is_new: there.is_none(),
        })))
    }

    /// Returns the file that is there if it has the hash that a client wanted to create.
    async fn same(
        &self,
        id: BackendId,
        new: &NewFile,
        there: Option<FileEntry>,
    ) -> Result<Option<WrittenFile>, AppError> {
        let (Some(entry), Some(expected), Condition::Absent) = (there, new.expected, &new.condition) else {
            return Ok(None);
        };
        let known = self.hash_of(id, &new.path, &entry).await?;
        Ok((known == Some(expected)).then_some(WrittenFile {
            entry,
            hash: expected,
            is_new: false,
        }))
    }

    /// Takes up what was written of a file, or begins from its first byte if there is no record. A backend that is not mounted
    /// is tested first, which mounts it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] in [`AppError::Files`] if it is gone.
    pub(super) async fn take_up(
        &self,
        id: BackendId,
        path: &FilePath,
        record: Option<&str>,
        permit: Permit,
    ) -> Result<(Box<dyn Upload>, Arc<dyn LiveBackend>), AppError> {
        let (path, record) = (path.clone(), record.map(str::to_owned));
        let resume = move |live: Arc<dyn LiveBackend>, cx: OpContext| {
            let (path, record) = (path.clone(), record.clone());
            async move {
                let tree = tree_mut(&*live)?;
                let upload = match record {
                    Some(record) => cx.bound(STEP, tree.resume(&cx, &path, &record)).await??,
                    None => tree.upload(&path),
                };
                Ok((upload, live))
            }
        };
        self.ask_tree(id, permit, resume).await
    }
}
