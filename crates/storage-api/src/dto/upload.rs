//! Uploads as the API shows them.

use serde::Serialize;
use storage_domain::{Invalid, Rule};
use storage_persistence::StoredUpload;

use super::timestamp;
use crate::error::ApiError;
use crate::problem::{Code, Problem};

/// A resumable upload.
#[derive(Debug, Serialize)]
pub(crate) struct UploadDto {
    id: String,
    path: String,
    offset: u64,
    length: Option<u64>,
    complete: bool,
    expires_at: String,
}

impl UploadDto {
    pub(crate) fn new(row: &StoredUpload) -> Self {
        Self {
            id: row.id.to_string(),
            path: row.path.to_string(),
            offset: row.stored,
            length: row.length,
            complete: row.is_complete,
            expires_at: timestamp(row.expires_at),
        }
    }
}

/// The error of a form whose file has a name that no file can have.
pub(crate) fn not_a_name(rule: &Rule) -> ApiError {
    Problem::of_input(Code::InvalidRequest, vec![Invalid::at("", "filename", rule)]).into()
}
