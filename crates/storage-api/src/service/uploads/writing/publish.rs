//! The end of a file that is being written: it appears.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Condition, ErrorKind, FileEntry, OpContext};
use storage_domain::FileHash;
use storage_persistence::StoredUpload;

use super::super::{AppError, UploadError, files};
use super::Writing;

/// How long the storage may take to publish a file.
const PUBLISH_DEADLINE: Duration = Duration::from_mins(10);

impl Writing {
    /// Checks that all is there, and the hash.
    ///
    /// # Errors
    /// [`UploadError::Length`] and [`UploadError::Digest`].
    pub(in crate::service::uploads) fn check(&self) -> Result<(), AppError> {
        if self
            .row
            .length
            .is_some_and(|announced| announced != self.length())
        {
            return Err(UploadError::Length.into());
        }
        let hash = self.hasher.hash();
        match self.row.expected {
            Some(expected) if expected != hash => Err(UploadError::Digest(hash).into()),
            _ => Ok(()),
        }
    }

    /// Checks that the backend is what it was when the file began, and keeps what a resumable upload goes on with.
    async fn be_ready(&mut self) -> Result<(), AppError> {
        let (_, live) = self.app.with_files(self.row.backend).await?;
        if !Arc::ptr_eq(&live, &self.live) {
            return Err(AppError::InProgress);
        }
        if self.row.is_resumable {
            self.checkpoint().await?;
        }
        Ok(())
    }

    /// Makes the file appear. Conditions are exact among the uploads of this process. If it fails, nothing is left, except of
    /// a resumable upload that may go on.
    ///
    /// # Errors
    /// [`UploadError::Condition`]; [`AppError::InProgress`] if the backend was changed meanwhile; what the storage says.
    pub(in crate::service::uploads) async fn publish(
        mut self,
    ) -> Result<(FileEntry, FileHash, StoredUpload), AppError> {
        let condition = serde_json::from_str(&self.row.condition).unwrap_or(Condition::Absent);
        let path = (self.row.backend, self.row.path.clone());
        let claim = self.app.uploads.paths.take(path).await;
        let ready = match claim {
            Ok(claim) => self.be_ready().await.map(|()| claim),
            Err(error) => Err(error),
        };
        let _one_at_a_time = match ready {
            Ok(claim) => claim,
            Err(error) => {
                if self.row.is_resumable {
                    self.pause().await;
                } else {
                    self.abandon().await;
                }
                return Err(error);
            }
        };
        let (hash, length) = (self.hasher.hash(), self.length());
        let (app, live, mut row) = (self.app, self.live, self.row);
        let cx = OpContext::within(PUBLISH_DEADLINE);
        let published = cx
            .bound("publishing the file", self.upload.publish(&cx, &condition))
            .await;
        // Even if only the answer was lost.
        app.supervisor.copies.forget(row.backend, &row.path).await;
        let error = match published.flatten() {
            Ok(entry) => {
                if self.is_kept && !row.is_resumable {
                    app.forget(&row).await;
                }
                return Ok((entry, hash, row));
            }
            Err(error) => error,
        };
        let is_unmet =
            condition != Condition::None && matches!(error.kind(), ErrorKind::Exists | ErrorKind::Changed);
        if row.is_resumable && error.is_temporary() && !is_unmet {
            // Perhaps only the answer was lost: the next request knows the file by these.
            (row.length, row.expected) = (Some(length), Some(hash));
            app.release(&row).await;
        } else if self.is_kept {
            app.remove(&row, &*live).await;
        }
        Err(if is_unmet {
            UploadError::Condition.into()
        } else {
            files(error)
        })
    }
}
