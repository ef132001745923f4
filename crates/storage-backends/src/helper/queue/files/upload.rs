//! An upload that is written by a helper of its own, which may hang without any other call.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use storage_domain::FilePath;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::active_call::ActiveCall;
use super::files_helper::{Ended, FilesHelper, socket};
use super::{FilesPlace, PERMIT_WAIT, WAITING};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::helper::files::protocol::{FileCall, WriteStep};
use crate::helper::protocol;
use crate::helper::queue::lease::broken;
use crate::helper::queue::{HelperQueue, Purpose};

/// Uploads of a backend that are written at once.
pub const MAX_UPLOADS: u32 = 3;
/// Memory that the helper of an upload may write to, in bytes.
const MAX_MEMORY: u64 = 32 * 1024 * 1024;
const WRITE: &str = "the write";

/// A helper that writes one upload. Dropping it kills the helper.
#[derive(Debug)]
pub struct UploadWriter {
    call: ActiveCall,
    stream: BufReader<UnixStream>,
    place: FilesPlace,
    /// What the helper has not taken yet: at most what one call brought, and what those before it left.
    unsent: VecDeque<Bytes>,
    /// Answers that are not read yet.
    due: u32,
}

impl HelperQueue {
    /// Begins to write an upload, or goes on with what is there of it. Returns also how many bytes that are.
    ///
    /// # Errors
    /// [`ErrorKind::TooBusy`] if no other upload ended while it waited; else those of
    /// [`make_directory`](Self::make_directory).
    /// # Cancel safety
    /// Dropping the future kills the helper, which may have made the upload's file.
    pub async fn write_upload(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
        (upload, resume): (Uuid, bool),
    ) -> Result<(UploadWriter, u64), Error> {
        let lease = match timeout(PERMIT_WAIT, self.enter(cx, Purpose::Upload)).await {
            Ok(lease) => lease?,
            Err(_) => return Err(Error::new(ErrorKind::TooBusy, WAITING)),
        };
        let mut place = place.clone();
        place.root.max_memory = MAX_MEMORY;
        let helper = FilesHelper::start(lease, &place)?;
        let entered = helper.enter();
        let call = ActiveCall::new(&helper, None);
        if !entered {
            return Err(call.ended().await.error(WRITE));
        }
        let write = (path, FileCall::Write { upload, resume });
        let asked = call.ask(WRITE, write, place.patience, socket());
        let (answer, stream) = cx.bound(WRITE, asked).await??;
        let stored = answer.stored(WRITE)?;
        let writer = UploadWriter {
            call,
            stream,
            place,
            unsent: VecDeque::new(),
            due: 0,
        };
        Ok((writer, stored))
    }
}

impl UploadWriter {
    /// Passes bytes on, and returns as soon as others can be taken.
    ///
    /// # Errors
    /// Those of [`Upload::write`](crate::Upload::write), of bytes that came before too.
    /// # Cancel safety
    /// What is not passed on goes with the next call.
    pub async fn write(&mut self, cx: &OpContext, bytes: Bytes) -> Result<(), Error> {
        let step = protocol::encode(&WriteStep::Bytes(bytes.len() as u64)).map_err(broken)?;
        self.unsent.extend([step.into(), bytes]);
        cx.bound(WRITE, self.send()).await?
    }

    /// Stores what was written, and returns how many bytes the file has.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    /// # Cancel safety
    /// Dropping the future leaves the step to the helper.
    pub async fn store(&mut self, cx: &OpContext) -> Result<u64, Error> {
        self.ask(cx, WriteStep::Store).await
    }

    /// Stores what was written, closes the file, and returns how many bytes it has.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    /// # Cancel safety
    /// As [`store`](Self::store).
    pub async fn close(&mut self, cx: &OpContext) -> Result<u64, Error> {
        self.ask(cx, WriteStep::Close).await
    }

    /// Kills the helper, and waits until it is gone: it makes no file any more then.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it hangs in the kernel.
    /// # Cancel safety
    /// Dropping the future changes nothing about the end.
    pub async fn end(self) -> Result<(), Error> {
        self.call.helper.end_and_wait(WRITE).await
    }

    async fn ask(&mut self, cx: &OpContext, step: WriteStep) -> Result<u64, Error> {
        let line = protocol::encode(&step).map_err(broken)?;
        self.unsent.push_back(line.into());
        self.due += 1;
        cx.bound(WRITE, self.answer()).await?
    }

    /// Returns the last answer, after those whose askers did not wait.
    async fn answer(&mut self) -> Result<u64, Error> {
        self.send().await?;
        // What is on the way is written first, and may have to be stored before the rest.
        let patience = self.place.patience * 2;
        loop {
            let answer = self.call.next(WRITE, patience, &mut self.stream).await?;
            let stored = answer.stored(WRITE)?;
            self.due = self.due.saturating_sub(1);
            if self.due == 0 {
                return Ok(stored);
            }
        }
    }

    /// Sends all that is to be sent; each part of it is taken in time.
    async fn send(&mut self) -> Result<(), Error> {
        while let Some(next) = self.unsent.front_mut() {
            if next.is_empty() {
                self.unsent.pop_front();
                continue;
            }
            let sent = self.stream.write(next);
            match self.call.bound(WRITE, self.place.patience, sent).await? {
                Ok(sent) => next.advance(sent),
                Err(error) => return Err(self.reason(error).await),
            }
        }
        Ok(())
    }

    /// Returns why the helper takes no more bytes.
    async fn reason(&mut self, error: io::Error) -> Error {
        let answer = self.call.next(WRITE, self.place.patience, &mut self.stream);
        match answer.await {
            Ok(answer) => answer.unexpected(WRITE),
            Err(_) => self.call.closed(WRITE, error),
        }
    }
}

impl Drop for UploadWriter {
    fn drop(&mut self) {
        self.call.helper.end(Ended::Unused);
    }
}
