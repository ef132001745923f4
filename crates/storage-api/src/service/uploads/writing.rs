//! One file that is being written.

mod publish;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use storage_backends::{Backend as LiveBackend, Error, OpContext, Upload};
use storage_persistence::StoredUpload;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::body::{Body, Piece};
use super::hasher::Hasher;
use super::rows::ABANDON_DEADLINE;
use super::{App, AppError, UploadError, files};
use crate::chain::Chain;

const STEP: &str = "the upload";
/// Bytes that go to the storage at once.
const BLOCK: usize = 128 * 1024;
/// How long the storage may take to take a block, and to store what it has: a slow one sends large pieces meanwhile.
const STORE_DEADLINE: Duration = Duration::from_mins(5);
/// How long it may take to store what it has while the service stops: less than the service waits for it.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// After how much time and how many bytes a resumable upload is stored.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);
const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// A file that is being written: what the storage, the hash and the database have of it.
pub(super) struct Writing {
    app: Arc<App>,
    live: Arc<dyn LiveBackend>,
    upload: Box<dyn Upload>,
    hasher: Hasher,
    buffer: BytesMut,
    /// Bytes that the storage has already, and that come once more.
    ahead: u64,
    pub(super) row: StoredUpload,
    /// Whether the database has the row.
    is_kept: bool,
    /// Whether the storage failed: what it says from then on counts for nothing.
    has_failed: bool,
    /// When it was stored last, and after how many bytes.
    checkpoint: (Instant, u64),
    /// What ends each step: the end of the service, or that of a job.
    pub(super) ends: CancellationToken,
}

impl Writing {
    /// Begins to write a file, or goes on with what the storage has of it; `None` if the hash can't go on.
    ///
    /// `is_kept` says whether the database has the row.
    pub(super) fn new(
        app: &Arc<App>,
        row: StoredUpload,
        upload: Box<dyn Upload>,
        live: Arc<dyn LiveBackend>,
        is_kept: bool,
    ) -> Option<Self> {
        let hasher = match &row.hash_state {
            Some(state) => Hasher::resume(row.stored, state)?,
            None => Hasher::new(),
        };
        Some(Self {
            app: Arc::clone(app),
            live,
            ahead: upload.stored().saturating_sub(row.stored),
            upload,
            hasher,
            buffer: BytesMut::new(),
            has_failed: false,
            checkpoint: (Instant::now(), row.stored),
            ends: app.supervisor.stopping.clone(),
            row,
            is_kept,
        })
    }

    /// Returns how many bytes there are, those that come next excluded.
    pub(super) fn length(&self) -> u64 {
        self.hasher.passed() + self.buffer.len() as u64
    }

    /// Takes all of a body, unless `cancel` ends it earlier.
    ///
    /// # Errors
    /// [`AppError::Upload`], [`AppError::ShuttingDown`], and what the storage or the database say.
    pub(super) async fn receive(
        &mut self,
        mut body: Body,
        cancel: &CancellationToken,
    ) -> Result<(), AppError> {
        let stopping = self.app.supervisor.stopping.clone();
        self.keep_record().await?;
        loop {
            let piece = tokio::select! {
                biased;
                () = stopping.cancelled() => return Err(AppError::ShuttingDown),
                () = cancel.cancelled() => return Err(AppError::InProgress),
                piece = body.next() => piece,
            };
            match piece {
                Piece::Bytes(bytes) => {
                    let length = self.length() + bytes.len() as u64;
                    self.app.uploads.check_size(length)?;
                    if self.row.length.is_some_and(|announced| length > announced) {
                        return Err(UploadError::Length.into());
                    }
                    self.buffer.extend_from_slice(&bytes);
                    while self.buffer.len() >= BLOCK {
                        let block = self.buffer.split_to(BLOCK).freeze();
                        self.write(block).await?;
                    }
                }
                Piece::End => return self.flush().await,
                Piece::Failed(error) => return Err(error.into()),
            }
        }
    }

    /// Writes what waits for a block to be full.
    async fn flush(&mut self) -> Result<(), AppError> {
        let rest = self.buffer.split().freeze();
        if rest.is_empty() {
            Ok(())
        } else {
            self.write(rest).await
        }
    }

    async fn flush_and_store(&mut self) -> Result<(), AppError> {
        match self.flush().await {
            // What the storage got counts all the same.
            Ok(()) | Err(AppError::ShuttingDown) => self.store().await,
            failed => failed,
        }
    }

    async fn write(&mut self, block: Bytes) -> Result<(), AppError> {
        self.hasher.update(&block);
        let known = self.ahead.min(block.len() as u64);
        self.ahead -= known;
        let new = block.slice(usize::try_from(known).unwrap_or(block.len())..);
        if !new.is_empty() {
            let cx = self.context(STORE_DEADLINE);
            let written = cx.bound(STEP, self.upload.write(&cx, new)).await;
            let written = written.flatten().map_err(stopped_or_failed);
            if let Err(error) = written {
                self.has_failed = !matches!(error, AppError::ShuttingDown);
                // The storage may not have got the block, and so gets nothing that follows it.
                self.buffer.clear();
                return Err(error);
            }
            self.keep_record().await?;
        }
        let (at, passed) = self.checkpoint;
        let is_due = at.elapsed() > CHECKPOINT_EVERY || self.hasher.passed() - passed > CHECKPOINT_BYTES;
        if self.row.is_resumable && is_due {
            self.checkpoint().await?;
        }
        Ok(())
    }

    /// Stores and keeps what was written, for another process to go on with if this one dies.
    async fn checkpoint(&mut self) -> Result<(), AppError> {
        self.store().await?;
        self.keep(false).await
    }

    /// Returns the context of a step.
    fn context(&self, limit: Duration) -> OpContext {
        OpContext::within(limit).with_cancel(self.ends.clone())
    }

    /// Keeps what the storage needs to remove what is written, before anything is, as far as it is known then.
    async fn keep_record(&mut self) -> Result<(), AppError> {
        if self.upload.record() == self.row.record.as_deref() {
            return Ok(());
        }
        self.row.record = self.upload.record().map(str::to_owned);
        if self.is_kept {
            return self.keep(false).await;
        }
        let supervisor = &self.app.supervisor;
        supervisor
            .store
            .add_upload(&self.row, Some(&supervisor.instance))
            .await?;
        self.is_kept = true;
        Ok(())
    }

    /// Stores what was written, and learns how much of it is safe and by which record.
    async fn store(&mut self) -> Result<(), AppError> {
        let is_stopping = self.app.supervisor.stopping.is_cancelled();
        let cx = OpContext::within(if is_stopping {
            STOP_DEADLINE
        } else {
            STORE_DEADLINE
        });
        let stored = cx.bound(STEP, self.upload.store(&cx)).await;
        let stored = stored.flatten().map_err(files);
        self.has_failed = stored.is_err();
        // Some storages begin here only.
        self.row.record = self.upload.record().map(str::to_owned);
        stored?;
        if let Some((safe, state)) = self.hasher.state_at(self.upload.stored()) {
            (self.row.stored, self.row.hash_state) = (safe, Some(state));
        }
        self.checkpoint = (Instant::now(), self.hasher.passed());
        Ok(())
    }

    /// Keeps the row.
    async fn keep(&mut self, release: bool) -> Result<(), AppError> {
        let (store, owner) = (&self.app.supervisor.store, &self.app.supervisor.instance);
        if store.keep_upload(&self.row, owner, release).await? {
            Ok(())
        } else {
            // Another process took it, because this one looked dead.
            Err(AppError::InProgress)
        }
    }

    /// Keeps all that arrived, for the next request to go on with.
    pub(super) async fn pause(mut self) -> StoredUpload {
        if !self.has_failed
            && let Err(error) = self.flush_and_store().await
        {
            self.warn("what arrived of an upload could not be stored", &error);
        }
        if let Err(error) = self.keep(true).await {
            self.warn("the progress of an upload could not be kept", &error);
        }
        self.row
    }

    /// Removes what was written.
    pub(super) async fn abandon(self) {
        let cx = OpContext::within(ABANDON_DEADLINE);
        let gone = cx.bound("removing the upload", self.upload.abandon(&cx)).await;
        if !self.is_kept {
            return;
        }
        match gone.flatten() {
            Ok(()) => self.app.forget(&self.row).await,
            Err(error) => self.app.leave(&self.row, &error).await,
        }
    }

    fn warn(&self, what: &'static str, error: &AppError) {
        tracing::warn!(backend.id = %self.row.backend, upload.id = %self.row.id, error = %Chain(error), "{what}");
    }
}

/// Only the end of the service cancels a write, and that of a job, which says itself how it ended.
fn stopped_or_failed(error: Error) -> AppError {
    if error.is_cancelled() {
        AppError::ShuttingDown
    } else {
        files(error)
    }
}
