//! Files of a backend: lists, descriptions and bytes.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{
    Backend as LiveBackend, Error, ErrorKind, FileBytes, FileEntry, FilePage, OpContext, PageRequest,
    ReadRequest, TreeCapabilities,
};
use storage_domain::{Backend, BackendId, FileHash, FilePath};

use super::{App, AppError, Permit};

/// How long the storage may take to answer about files; the bytes of a file have deadlines of their own.
const FILES_DEADLINE: Duration = Duration::from_secs(30);
/// Reads under way at once, over all backends: each of them holds a connection or a pipe.
pub(super) const MAX_READS: usize = 1024;

/// A page of a directory.
#[derive(Debug)]
pub struct ListedFiles {
    /// The page.
    pub page: FilePage,
    /// The hashes of its entries, as far as they are known.
    pub hashes: Vec<Option<FileHash>>,
    /// What can be done with the files.
    pub capabilities: TreeCapabilities,
}

impl App {
    /// Returns a backend that holds files, and the live one.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::NoFiles`] and [`AppError::Files`].
    pub async fn with_files(&self, id: BackendId) -> Result<(Backend, Arc<dyn LiveBackend>), AppError> {
        let (backend, live) = self.live(id).await?;
        let live = live.map_err(files)?;
        if live.as_tree().is_none() {
            return Err(AppError::NoFiles(live.kind()));
        }
        Ok((backend, live))
    }

    /// Lists a page of a directory. A backend that is not mounted is tested first, which mounts it.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::NoFiles`], [`AppError::Files`], [`AppError::NotMounted`] and
    /// [`AppError::ShuttingDown`].
    pub async fn list_files(
        &self,
        id: BackendId,
        directory: FilePath,
        page: PageRequest,
        permit: Permit,
    ) -> Result<ListedFiles, AppError> {
        let parent = directory.clone();
        let list = move |live: Arc<dyn LiveBackend>, cx: OpContext| {
            let (directory, page) = (directory.clone(), page.clone());
            async move {
                let tree = live.as_tree().ok_or_else(gone)?;
                let page = cx
                    .bound("the listing", tree.list(&cx, &directory, &page))
                    .await??;
                Ok((page, tree.capabilities()))
            }
        };
        let (page, capabilities) = self.ask_tree(id, permit, list).await?;
        let hashes = self.hashes_of(id, &parent, &page.entries).await?;
        Ok(ListedFiles {
            page,
            hashes,
            capabilities,
        })
    }

    /// Describes one file or directory.
    ///
    /// # Errors
    /// Those of [`App::list_files`].
    pub async fn stat_file(
        &self,
        id: BackendId,
        path: FilePath,
        permit: Permit,
    ) -> Result<FileEntry, AppError> {
        let stat = move |live: Arc<dyn LiveBackend>, cx: OpContext| {
            let path = path.clone();
            async move {
                let tree = live.as_tree().ok_or_else(gone)?;
                cx.bound("the file's description", tree.stat(&cx, &path)).await?
            }
        };
        self.ask_tree(id, permit, stat).await
    }

    /// Describes what is at a path; `None` if nothing is.
    ///
    /// # Errors
    /// Those of [`App::stat_file`] but one.
    pub(super) async fn find_file(
        &self,
        id: BackendId,
        path: &FilePath,
        permit: Permit,
    ) -> Result<Option<FileEntry>, AppError> {
        match self.stat_file(id, path.clone(), permit).await {
            Err(AppError::Files(error)) if *error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Opens a file. Its bytes hold the client's permit until they end.
    ///
    /// # Errors
    /// Those of [`App::list_files`]; [`ErrorKind::Changed`] in [`AppError::Files`] if the file has another validator.
    pub async fn read_file(
        &self,
        id: BackendId,
        path: FilePath,
        request: ReadRequest,
        permit: Permit,
    ) -> Result<FileBytes, AppError> {
        let read = self.reads.acquire().await;
        let read = read.ok_or_else(|| files(Error::new(ErrorKind::TooBusy, "the read")))?;
        let held = (permit.clone(), read);
        let open = move |live: Arc<dyn LiveBackend>, cx: OpContext| {
            let (path, request) = (path.clone(), request.clone());
            async move {
                let tree = live.as_tree().ok_or_else(gone)?;
                cx.bound("opening the file", tree.read(&cx, &path, &request))
                    .await?
            }
        };
        Ok(self.ask_tree(id, permit, open).await?.holding(held))
    }

    /// Asks the files of a backend, and once more after a test if it was not mounted.
    pub(super) async fn ask_tree<T, F>(
        &self,
        id: BackendId,
        permit: Permit,
        ask: impl Fn(Arc<dyn LiveBackend>, OpContext) -> F,
    ) -> Result<T, AppError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        match self.ask_tree_once(id, &ask).await {
            Err(AppError::Files(error)) if *error.kind() == ErrorKind::NotMounted => {}
            done => return done,
        }
        let outcome = self.test(id, permit, |_| ()).await?;
        if !outcome.success {
            return Err(AppError::NotMounted(outcome.message.clone()));
        }
        self.ask_tree_once(id, &ask).await
    }

    /// Asks the files of a backend, until the client hangs up.
    async fn ask_tree_once<T, F>(
        &self,
        id: BackendId,
        ask: impl FnOnce(Arc<dyn LiveBackend>, OpContext) -> F,
    ) -> Result<T, AppError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (_, live) = self.with_files(id).await?;
        let cancel = self.supervisor.stopping.child_token();
        let _ends_with_the_client = cancel.clone().drop_guard();
        let asked = ask(
            live,
            OpContext::within(FILES_DEADLINE).with_cancel(cancel).lightly(),
        );
        let stopping = self.supervisor.stopping.clone();
        let work = async move {
            asked.await.map_err(|error| match error {
                error if error.is_cancelled() && stopping.is_cancelled() => AppError::ShuttingDown,
                other => files(other),
            })
        };
        self.supervisor.finish("the request", work).await
    }
}

/// Makes the use case's error of what the storage did not do.
pub(super) fn files(error: Error) -> AppError {
    AppError::Files(Arc::new(error))
}

/// The error of a facet that is gone, which never happens: a live backend keeps its facets.
pub(super) fn gone() -> Error {
    Error::new(ErrorKind::NotListable, "the files")
}
