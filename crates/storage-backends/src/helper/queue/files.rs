//! Has files listed, read and changed by one helper per backend, which stays until it is idle.
//!
//! Each call has a pipe of its own, one end of which the service passes to the helper. The answer's first line is JSON;
//! the bytes of a file follow. A client that is slow fills its pipe, and one that leaves closes it.

mod active_call;
mod changes;
mod files_helper;
mod pipe;
mod stream;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use storage_domain::FilePath;
use tokio::io::BufReader;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{HelperQueue, Purpose};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{FileEntry, FilePage, PageRequest, Progress, ReadRequest};
use crate::helper::files::protocol::{Class, FileCall, FileReply, FilesRoot};
use active_call::ActiveCall;
use files_helper::{Ended, FilesHelper, answer_pipe};
pub use pipe::FilePipe;
pub use stream::FileRead;
pub use upload::{MAX_UPLOADS, UploadWriter};

/// Time for which a call waits for another one to end.
const PERMIT_WAIT: Duration = Duration::from_secs(10);
/// Time that a caller has to give, besides what the call may take by itself, for its end to have the helper killed.
const MIN_WAIT_TO_KILL: Duration = Duration::from_secs(5);
const WAITING: &str = "waiting for other transfers";
const LIST: &str = "the listing";
const STAT: &str = "the file";
const READ: &str = "the read";

/// Says where files are, and how long they may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesPlace {
    /// Directory.
    pub root: FilesRoot,
    /// Longest time for which the storage may keep a call or a piece of a read waiting.
    pub patience: Duration,
    /// Time after which a helper without a call ends.
    pub idle: Duration,
}

impl FilesPlace {
    /// The default of [`idle`](Self::idle).
    pub const IDLE: Duration = Duration::from_secs(30);
}

/// The helper for files of a backend.
#[derive(Debug)]
pub(super) struct FilesQueue {
    helper: tokio::sync::Mutex<Option<Arc<FilesHelper>>>,
    /// Permits for the calls of each class.
    permits: [Arc<Semaphore>; Class::ALL.len()],
    /// Locked by whoever gives a file its path: a precondition is exact among the clients of this process.
    naming: tokio::sync::Mutex<()>,
}

impl Default for FilesQueue {
    fn default() -> Self {
        Self {
            helper: tokio::sync::Mutex::default(),
            permits: Class::ALL.map(|class| Arc::new(Semaphore::new(class.max()))),
            naming: tokio::sync::Mutex::default(),
        }
    }
}

impl HelperQueue {
    /// Lists a page of a directory, as [`Tree::list`](crate::Tree::list) does.
    ///
    /// # Errors
    /// As there; [`ErrorKind::NotMounted`] if the root is not the root of its mount.
    /// # Cancel safety
    /// Dropping the future leaves the call to the helper, which finds nobody to answer.
    pub async fn list_files(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        directory: &FilePath,
        page: &PageRequest,
    ) -> Result<FilePage, Error> {
        let call = (directory, FileCall::List(page.clone()));
        match self.make(cx, LIST, place, call).await?.0 {
            FileReply::Page(page) => Ok(page),
            other => Err(other.unexpected(LIST)),
        }
    }

    /// Describes a file or directory, as [`Tree::stat`](crate::Tree::stat) does.
    ///
    /// # Errors
    /// As there; [`ErrorKind::NotMounted`] if the root is not the root of its mount.
    /// # Cancel safety
    /// As [`list_files`](Self::list_files).
    pub async fn stat_file(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
    ) -> Result<FileEntry, Error> {
        match self.make(cx, STAT, place, (path, FileCall::Stat)).await?.0 {
            FileReply::Entry(entry) => Ok(entry),
            other => Err(other.unexpected(STAT)),
        }
    }

    /// Reads a file, as [`Tree::read`](crate::Tree::read) does.
    ///
    /// # Errors
    /// As there; [`ErrorKind::NotMounted`] if the root is not the root of its mount.
    /// # Cancel safety
    /// Dropping the future or what it returns ends the read.
    pub async fn read_file(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
        request: &ReadRequest,
    ) -> Result<FileRead, Error> {
        let call = (path, FileCall::Read(request.clone()));
        match self.make(cx, READ, place, call).await? {
            (FileReply::Reading { length }, input, call) => {
                Ok(FileRead::new(input, length, call, place.patience))
            }
            (other, ..) => Err(other.unexpected(READ)),
        }
    }

    /// Makes a call and returns the first line of its answer.
    async fn make(
        self: &Arc<Self>,
        cx: &OpContext,
        step: &'static str,
        place: &FilesPlace,
        call: (&FilePath, FileCall),
    ) -> Result<(FileReply, BufReader<Receiver>, ActiveCall), Error> {
        self.make_reported(cx, step, place, call, &Progress::default())
            .await
    }

    /// Makes a call that reports what is done before it answers; once more if its helper dies, where that is safe.
    async fn make_reported(
        self: &Arc<Self>,
        cx: &OpContext,
        step: &'static str,
        place: &FilesPlace,
        (path, call): (&FilePath, FileCall),
        progress: &Progress,
    ) -> Result<(FileReply, BufReader<Receiver>, ActiveCall), Error> {
        match self.make_once(cx, step, place, (path, &call), progress).await {
            Err(error) if *error.kind() == ErrorKind::Helper && call.may_be_repeated() => {
                self.make_once(cx, step, place, (path, &call), progress).await
            }
            made => made,
        }
    }

    async fn make_once(
        self: &Arc<Self>,
        cx: &OpContext,
        step: &'static str,
        place: &FilesPlace,
        (path, call): (&FilePath, &FileCall),
        progress: &Progress,
    ) -> Result<(FileReply, BufReader<Receiver>, ActiveCall), Error> {
        let permit = self.permit(cx, call.class()).await?;
        let active = self.begin(cx, place, permit).await?;
        let (own_time, is_long) = (call.own_time(), call.is_long());
        let patience = place.patience + own_time;
        let may_kill = !is_long && cx.remaining() >= own_time + MIN_WAIT_TO_KILL;
        let asked = async {
            let call = (path, call.clone());
            let (mut answer, mut input) = active.ask(step, call, patience, answer_pipe()).await?;
            while let FileReply::Progress { entries } = answer {
                progress.add(entries);
                answer = active.next(step, patience, &mut input).await?;
            }
            Ok::<_, Error>((answer, input))
        };
        match cx.bound(step, asked).await {
            Ok(Ok((answer, input))) => Ok((answer, input, active)),
            Ok(Err(error)) => {
                if *error.kind() == ErrorKind::Helper {
                    // Its supervisor may not know yet.
                    active.helper.end(Ended::Died);
                }
                Err(error)
            }
            Err(error) => {
                if error.is_timeout() && may_kill {
                    active.give_up();
                }
                Err(error)
            }
        }
    }

    async fn permit(&self, cx: &OpContext, class: Class) -> Result<OwnedSemaphorePermit, Error> {
        let permits = &self.works.permits[class as usize];
        let acquired = timeout(PERMIT_WAIT, Arc::clone(permits).acquire_owned());
        match cx.bound(WAITING, acquired).await? {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Error::cancelled(WAITING)),
            Err(_) => Err(Error::new(ErrorKind::TooBusy, WAITING)),
        }
    }

    /// Begins a call in the helper, which is started if there is none for this place.
    async fn begin(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        permit: OwnedSemaphorePermit,
    ) -> Result<ActiveCall, Error> {
        let mut current = cx.bound(WAITING, self.works.helper.lock()).await?;
        if let Some(helper) = &*current {
            if helper.root == place.root && helper.enter() {
                return Ok(ActiveCall::new(helper, Some(permit)));
            }
            helper.end(Ended::Unused);
        }
        let lease = self.enter(cx, Purpose::Files).await?;
        let helper = FilesHelper::start(lease, place)?;
        let entered = helper.enter();
        let call = ActiveCall::new(&helper, Some(permit));
        *current = Some(helper);
        if entered {
            Ok(call)
        } else {
            Err(call.ended().await.error(WAITING))
        }
    }
}

impl FileReply {
    /// Returns the error of an answer that is not the expected one.
    fn unexpected(self, step: &'static str) -> Error {
        match self {
            Self::Failed(failure) => failure.error(step),
            _ => Error::new(ErrorKind::Helper, step).with_source("the helper answered another call"),
        }
    }
}
