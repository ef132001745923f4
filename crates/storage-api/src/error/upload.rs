//! What became of an upload, on the wire.

use super::RETRY_AFTER_SECONDS;
use crate::problem::{Code, Problem};
use crate::service::{MIN_APPEND_BYTES, UploadError};

pub(super) fn of_upload(error: UploadError) -> Problem {
    match error {
        UploadError::TooLarge(most) => Problem::new(
            Code::PayloadTooLarge,
            format!(
                "The file is larger than the {most} bytes that max_upload_bytes allows; send a smaller one"
            ),
        )
        .with_header("upload-limit", format!("max-size={most}")),
        UploadError::Digest(found) => Problem::new(
            Code::DigestMismatch,
            format!(
                "The bytes that arrived have the SHA-256 {found}, not the one that was named; send them again"
            ),
        )
        .with_member("sha256", found.to_string()),
        UploadError::Broken => Problem::new(Code::BadRequest, "The body broke off on its way; send it again"),
        UploadError::Form => Problem::new(
            Code::BadRequest,
            "Send multipart/form-data with one part `file`, which has a file name; other parts are small",
        ),
        UploadError::Stalled => Problem::new(
            Code::RequestTimeout,
            "No byte of the body came for a minute; look at the network, and send it again",
        ),
        UploadError::Length => Problem::new(
            Code::BadRequest,
            "The body is longer or shorter than its length says; send the length that it has",
        ),
        UploadError::NotFound => Problem::new(
            Code::UploadNotFound,
            "There is no such upload; it may have expired, so begin another one",
        ),
        UploadError::Offset(offset) => Problem::new(
            Code::UploadOffset,
            format!("The upload has {offset} bytes; go on with the byte after them"),
        )
        .with_header("upload-offset", offset.to_string())
        .with_header("upload-complete", "?0")
        .with_member("offset", offset),
        UploadError::Complete => Problem::new(
            Code::UploadComplete,
            "The file is published; begin another upload to replace it",
        )
        .with_header("upload-complete", "?1"),
        UploadError::Condition => Problem::new(
            Code::PreconditionFailed,
            "What is at this path is not what the condition names; look at it again with stat",
        ),
        UploadError::TooSmall => Problem::new(
            Code::BadRequest,
            format!(
                "The storage keeps nothing of a part that is so small; send parts of {MIN_APPEND_BYTES} bytes or more, or all that is left"
            ),
        ),
        UploadError::TooMany => Problem::new(
            Code::TooBusy,
            "There are as many resumable uploads as there may be; end some, or wait until they expire",
        )
        .with_header("retry-after", RETRY_AFTER_SECONDS.to_string()),
    }
}
