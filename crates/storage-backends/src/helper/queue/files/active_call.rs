//! A call in a running helper.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storage_domain::FilePath;
use tokio::io::{AsyncBufRead, AsyncRead, BufReader};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{sleep, timeout};

use super::files_helper::{Ended, FilesHelper};
use crate::error::Error;
use crate::helper::files::protocol::{FileCall, FileFailure, FileReply, MAX_ANSWER_BYTES, Request};
use crate::helper::protocol;
use crate::helper::queue::lease::broken;

/// Time for the reason of a broken read to arrive: it was sent before the read's pipe was closed.
const REASON_TIME: Duration = Duration::from_secs(1);

/// A call in the helper. Dropping it closes its pipe's last end in the service.
#[derive(Debug)]
pub(super) struct ActiveCall {
    pub(super) helper: Arc<FilesHelper>,
    id: u64,
    reason: Mutex<oneshot::Receiver<FileFailure>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl ActiveCall {
    /// Makes a call of a helper that counted it.
    pub(super) fn new(helper: &Arc<FilesHelper>, permit: Option<OwnedSemaphorePermit>) -> Self {
        let (broken, reason) = oneshot::channel();
        let id = helper.next_id.fetch_add(1, Ordering::Relaxed);
        helper.broken().insert(id, broken);
        Self {
            helper: Arc::clone(helper),
            id,
            reason: Mutex::new(reason),
            _permit: permit,
        }
    }

    /// Sends the call with one of the `ends` of a pipe or socket, and reads the first line of its answer from the other.
    pub(super) async fn ask<R: AsyncRead + Unpin>(
        &self,
        step: &'static str,
        (path, call): (&FilePath, FileCall),
        patience: Duration,
        ends: io::Result<(R, OwnedFd)>,
    ) -> Result<(FileReply, BufReader<R>), Error> {
        let (id, path) = (self.id, path.to_string());
        let request = Request { id, path, call };
        let (ours, theirs) = ends.map_err(broken)?;
        let mut input = BufReader::new(ours);
        let sent = self.helper.send(&request, theirs);
        match self.bound(step, patience, sent).await? {
            Ok(()) => {}
            Err(error) => return Err(self.closed(step, error)),
        }
        let answer = self.next(step, patience, &mut input).await?;
        Ok((answer, input))
    }

    /// Reads the next line of the answer.
    pub(super) async fn next(
        &self,
        step: &'static str,
        patience: Duration,
        input: &mut (impl AsyncBufRead + Unpin),
    ) -> Result<FileReply, Error> {
        let answer = protocol::receive_within(input, MAX_ANSWER_BYTES);
        let answer = self.bound(step, patience, answer).await?;
        answer.map_err(|error| self.closed(step, error))
    }

    /// Returns the error of a pipe that was closed: that of a helper that is killed is, a moment after the reason is known.
    pub(super) fn closed(&self, step: &'static str, error: io::Error) -> Error {
        self.known_end()
            .map_or_else(|| broken(error), |ended| ended.error(step))
    }

    /// Waits for an answer, or a part of it; a helper that keeps it waiting for too long is killed.
    pub(super) async fn bound<T>(
        &self,
        step: &'static str,
        patience: Duration,
        wait: impl Future<Output = io::Result<T>>,
    ) -> Result<io::Result<T>, Error> {
        tokio::select! {
            biased;
            done = wait => Ok(done),
            ended = self.helper.ended() => Err(ended.error(step)),
            () = sleep(patience) => {
                self.give_up();
                Err(Ended::Hung.error(step))
            }
        }
    }

    /// Has the helper killed: a call hangs in it.
    pub(super) fn give_up(&self) {
        self.helper.end(Ended::Hung);
    }

    /// Waits until the helper ends.
    pub(super) async fn ended(&self) -> Ended {
        self.helper.ended().await
    }

    fn known_end(&self) -> Option<Ended> {
        self.helper.state.borrow().ended
    }

    /// Returns why a read broke off.
    pub(super) async fn reason(&mut self, step: &'static str) -> Error {
        let reason = self.reason.get_mut().unwrap_or_else(PoisonError::into_inner);
        match timeout(REASON_TIME, reason).await {
            Ok(Ok(failure)) => failure.error(step),
            _ => self.known_end().unwrap_or(Ended::Died).error(step),
        }
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.helper.broken().remove(&self.id);
        self.helper
            .state
            .send_modify(|state| state.calls = state.calls.saturating_sub(1));
    }
}
