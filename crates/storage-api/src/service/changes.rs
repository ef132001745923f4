//! Changing a backend's files: folders, deletions and moves.

use std::sync::Arc;

use storage_backends::{
    Backend as LiveBackend, Deletion, Error, ErrorKind, FileEntry, FileKind, OpContext, Progress, TreeMut,
};
use storage_domain::{BackendId, FilePath, JobKind};

use super::files::{files, gone};
use super::hashes::move_hash;
use super::{App, AppError, Change, Permit};

/// What is moved, and where to.
#[derive(Debug)]
pub struct Move {
    /// The directory that it comes into, which has to be there.
    pub directory: FilePath,
    /// Present and future path of each.
    pub paths: Vec<(FilePath, FilePath)>,
}

impl App {
    /// Makes a directory, and those above it that are missing. Ends if the client hangs up.
    ///
    /// # Errors
    /// Those of [`App::list_files`]; [`ErrorKind::Exists`] and [`ErrorKind::ReadOnly`] in [`AppError::Files`].
    pub async fn make_folder(&self, id: BackendId, path: FilePath) -> Result<FileEntry, AppError> {
        let make = move |live: Arc<dyn LiveBackend>, cx: OpContext| {
            let path = path.clone();
            async move {
                let tree = tree_mut(&*live)?;
                cx.bound("making the directory", tree.make_directory(&cx, &path))
                    .await?
            }
        };
        self.ask_tree(id, Permit::none(), make).await
    }

    /// Deletes files and directories, and counts those that were there. Goes on to its end if the client hangs up; `subject`
    /// names the paths in its job.
    ///
    /// # Errors
    /// Those of [`App::list_files`]; [`AppError::FileAt`] names the first path that could not be deleted;
    /// [`AppError::TooManyChanges`]; [`AppError::InProgress`] if the backend is changed meanwhile.
    pub async fn delete_files(
        &self,
        id: BackendId,
        paths: Vec<FilePath>,
        deletion: Deletion,
        subject: String,
    ) -> Result<Change, AppError> {
        if let Some(root) = paths.iter().find(|path| path.is_root()) {
            let rule = "All of a backend can't be deleted; name what is in it";
            return Err(refused(root, rule));
        }
        let supervisor = Arc::clone(&self.supervisor);
        let delete = |live: Arc<dyn LiveBackend>, cx: OpContext, progress: Arc<Progress>| async move {
            let tree = tree_mut(&*live).map_err(files)?;
            let mut deleted = 0;
            for path in paths {
                let done = cx
                    .bound("the deletion", tree.delete(&cx, &path, deletion, &progress))
                    .await;
                // Of a deletion that failed a part may be done.
                supervisor.copies.forget(id, &path).await;
                match done.flatten() {
                    Ok(()) => deleted += 1,
                    Err(error) if *error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(at(path, error)),
                }
            }
            Ok(deleted)
        };
        self.change_files(id, JobKind::Delete, subject, delete).await
    }

    /// Gives files and directories other paths. Goes on to its end if the client hangs up; `subject` names the paths in its
    /// job.
    ///
    /// # Errors
    /// Those of [`App::delete_files`]; what was moved before a failure stays moved.
    pub async fn move_files(&self, id: BackendId, what: Move, subject: String) -> Result<Change, AppError> {
        let into_itself = |(from, to): &&(FilePath, FilePath)| from.is_root() || to.is_below(from);
        if let Some((from, _)) = what.paths.iter().find(into_itself) {
            return Err(refused(
                from,
                "A directory can't be moved into itself; choose another one",
            ));
        }
        let supervisor = Arc::clone(&self.supervisor);
        let rename = |live: Arc<dyn LiveBackend>, cx: OpContext, progress: Arc<Progress>| async move {
            let tree = tree_mut(&*live).map_err(files)?;
            let reader = live.as_tree().ok_or_else(gone).map_err(files)?;
            let directory = cx
                .bound("the file's description", reader.stat(&cx, &what.directory))
                .await;
            match directory.flatten() {
                Ok(entry) if entry.kind == FileKind::Directory => {}
                Ok(_) => {
                    let error = Error::new(ErrorKind::NotADirectory, "the move");
                    return Err(at(what.directory, error));
                }
                Err(error) => return Err(at(what.directory, error)),
            }
            let mut moved = 0;
            for (from, to) in what.paths {
                let found = cx.bound("the file's description", reader.stat(&cx, &from)).await;
                let version = found.flatten().ok().and_then(|entry| entry.etag);
                let done = cx
                    .bound("the move", tree.rename(&cx, &from, &to, &progress))
                    .await;
                for path in [&from, &to] {
                    supervisor.copies.forget(id, path).await;
                }
                match done.flatten() {
                    Ok(()) => {
                        moved += 1;
                        if let Some(version) = version {
                            move_hash(&supervisor.store, id, (&from, &to), &version).await;
                        }
                    }
                    Err(error) if *error.kind() == ErrorKind::Exists => return Err(at(to, error)),
                    Err(error) => return Err(at(from, error)),
                }
            }
            Ok(moved)
        };
        self.change_files(id, JobKind::Move, subject, rename).await
    }

    /// Changes files of a backend that can be written to, and mounts it before if it is not mounted.
    async fn change_files<F>(
        &self,
        id: BackendId,
        kind: JobKind,
        subject: String,
        work: impl FnOnce(Arc<dyn LiveBackend>, OpContext, Arc<Progress>) -> F,
    ) -> Result<Change, AppError>
    where
        F: Future<Output = Result<u64, AppError>> + Send + 'static,
    {
        let (_, live) = self.with_files(id).await?;
        tree_mut(&*live).map_err(files)?;
        if live.as_mount().is_some() {
            self.stat_file(id, FilePath::root(), Permit::none()).await?;
        }
        let begun = self.supervisor.begin_change(id, kind).await?;
        let (backend, live) = self.with_files(id).await?;
        let work = |cx, progress| work(live, cx, progress);
        self.supervisor.change_files(begun, &backend, subject, work).await
    }
}

/// Returns the facet that changes files.
pub(super) fn tree_mut(live: &dyn LiveBackend) -> Result<&dyn TreeMut, Error> {
    live.as_tree_mut().ok_or_else(|| {
        let remedy = format!(
            "Backends of the type {} can only be read; use one of the type nfs or s3",
            live.kind()
        );
        Error::new(ErrorKind::ReadOnly, "the change").with_source(remedy)
    })
}

fn at(path: FilePath, error: Error) -> AppError {
    let cause = Arc::new(error);
    AppError::FileAt { path, cause }
}

fn refused(path: &FilePath, rule: &'static str) -> AppError {
    let error = Error::new(ErrorKind::Refused, "the change").with_source(rule);
    at(path.clone(), error)
}
