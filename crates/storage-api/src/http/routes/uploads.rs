//! The routes that write files.

use actix_web::http::Method;
use storage_domain::Role::Admin;

use super::ONE;
use super::files::FILES;
use crate::http::handlers::uploads;
use crate::http::parameter::Parameter::{
    Checksum, ContentDigest, FilePath, IfMatch, IfNoneMatch, ReprDigest, UploadComplete, UploadLength,
    UploadOffset,
};
use crate::http::route::Body::File;
use crate::http::route::Class::{Change, Files, Upload};
use crate::http::route::{Content, FORM, Route};
use crate::problem::Code::{
    self, DigestMismatch, InvalidQuery, InvalidRequest, NoSpace, NotADirectory, NotAFile, PathRefused,
    PayloadTooLarge, PreconditionFailed, PreconditionUnsupported, ReadOnly, RequestTimeout,
    UnsupportedMediaType, UploadNotFound,
};

/// The problems of whatever writes a file.
const WRITING: &[Code] = &[
    InvalidQuery,
    NotADirectory,
    NotAFile,
    PathRefused,
    ReadOnly,
    NoSpace,
    PreconditionFailed,
    PreconditionUnsupported,
    DigestMismatch,
    // Those of the body.
    InvalidRequest,
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
];
/// The header fields of an upload.
const UPLOAD_HEADERS: &[&str] = &[
    "Upload-Offset",
    "Upload-Complete",
    "Upload-Length",
    "Upload-Limit",
];
/// Returns the route of forms, which shares its path with the list.
pub(super) fn form() -> Route {
    Route::new(Method::POST, "/api/v1/storage/backends/{id}/files", uploads::form)
        .named("uploadForm", "Writes the part `file` of a form into a directory")
        .does(Upload, Admin, "file.write")
        .with(&[FilePath, Checksum])
        .body(File(FORM))
        .json(200, "FileResponse", "The file.")
        .shares(&[ONE, FILES, WRITING])
}

/// Returns the other routes.
pub(super) fn table() -> Vec<Route> {
    const UPLOAD: &str = "/api/v1/storage/backends/{id}/uploads/{upload}";
    vec![
        Route::new(
            Method::PUT,
            "/api/v1/storage/backends/{id}/files/content",
            uploads::put,
        )
        .named(
            "putFile",
            "Creates or replaces a file at once; missing parents are made",
        )
        .does(Upload, Admin, "file.write")
        .with(&[FilePath, ContentDigest, ReprDigest, IfNoneMatch, IfMatch])
        .body(File("application/octet-stream"))
        .json(201, "FileResponse", "The new file.")
        .json(
            200,
            "FileResponse",
            "The file that was replaced, or is there already.",
        )
        .shares(&[ONE, FILES, WRITING]),
        Route::new(
            Method::POST,
            "/api/v1/storage/backends/{id}/uploads",
            uploads::begin,
        )
        .named("beginUpload", "Begins a resumable upload")
        .does(Upload, Admin, "upload.begin")
        .with(&[
            FilePath,
            UploadComplete,
            UploadLength,
            ReprDigest,
            IfNoneMatch,
            IfMatch,
        ])
        .json(201, "UploadResponse", "The upload.")
        .headers(&["Location", "Upload-Limit"])
        .json(200, "FileResponse", "The file is there already.")
        .shares(&[ONE, FILES, WRITING]),
        Route::new(Method::GET, UPLOAD, uploads::get)
            .named(
                "getUpload",
                "Returns how far an upload is; HEAD ends the part that is under way",
            )
            .does(Files, Admin, "upload.read")
            .json(200, "UploadResponse", "The upload.")
            .answer(204, Content::None, "The answer to HEAD.")
            .headers(UPLOAD_HEADERS)
            .shares(&[ONE, FILES])
            .fails(&[&[UploadNotFound]]),
        Route::new(Method::PATCH, UPLOAD, uploads::append)
            .named(
                "appendToUpload",
                "Appends a part, and publishes the file after the last one",
            )
            .does(Upload, Admin, "file.write")
            .with(&[UploadOffset, UploadComplete, UploadLength, ReprDigest])
            .body(File(uploads::PARTIAL_UPLOAD))
            .json(201, "FileResponse", "The new file.")
            .json(200, "FileResponse", "The file that was replaced.")
            .json(202, "UploadResponse", "The file is still being published.")
            .answer(204, Content::None, "Further parts may come.")
            .headers(&["Upload-Offset"])
            .shares(&[ONE, FILES, WRITING])
            .fails(&[&[UploadNotFound, Code::UploadOffset, Code::UploadComplete]]),
        Route::new(Method::DELETE, UPLOAD, uploads::cancel)
            .named(
                "cancelUpload",
                "Ends an upload, and removes what was stored of it",
            )
            .does(Change, Admin, "upload.cancel")
            .answer(204, Content::None, "It is gone.")
            .shares(&[ONE, FILES])
            .fails(&[&[UploadNotFound]]),
    ]
}
