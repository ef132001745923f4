//! The routes that list, describe and read files, and the others of the path of a list.

use actix_web::http::Method;
use storage_domain::Role::{Admin, Operator, Viewer};

use super::{ONE, changes, uploads};
use crate::http::handlers::{file_changes, files};
use crate::http::parameter::Parameter::{
    Cursor, Directory, FileLimit, FilePath, IfMatch, IfNoneMatch, IfRange, Range,
};
use crate::http::route::Body::Json;
use crate::http::route::Class::{Change, Files};
use crate::http::route::{Content, Route};
use crate::problem::Code::{
    self, BackendChanged, BackendStuck, InvalidQuery, NoFiles, NotADirectory, NotAFile, NotListable,
    OperationInProgress, PathNotFound, PreconditionFailed, RangeNotSatisfiable, ShuttingDown, StorageDenied,
    StorageTimeout, StorageUnavailable, TooBusy,
};

/// The problems of whatever asks for files.
pub(in crate::http) const FILES: &[Code] = &[
    NoFiles,
    PathNotFound,
    StorageDenied,
    StorageUnavailable,
    StorageTimeout,
    TooBusy,
    // Those of the test that mounts.
    BackendChanged,
    OperationInProgress,
    BackendStuck,
    ShuttingDown,
];
/// The header fields of a file.
const FILE_HEADERS: &[&str] = &[
    "Content-Length",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
    "Content-Disposition",
];

pub(super) fn table() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/storage/backends/{id}/files", files::list)
            .named(
                "listFiles",
                "Lists one level of a backend's files; mounts a backend that is not mounted",
            )
            .does(Files, Viewer, "file.list")
            .with(&[Directory, FileLimit, Cursor])
            .json(200, "FileListResponse", "A page of the directory.")
            .shares(&[ONE, FILES])
            .fails(&[&[InvalidQuery, NotADirectory, NotListable]]),
        uploads::form(),
        Route::new(
            Method::DELETE,
            "/api/v1/storage/backends/{id}/files",
            file_changes::delete_each,
        )
        .named(
            "deleteFilesSingly",
            "Deletes files and empty directories, and others if `recursive` says so",
        )
        .does(Change, Admin, "file.delete")
        .body(Json("FileDelete"))
        .json(200, "FilesDeletedResponse", "How many of the paths were there.")
        .goes_on()
        .shares(&[ONE, FILES, changes::CHANGING]),
        Route::new(
            Method::GET,
            "/api/v1/storage/backends/{id}/files/stat",
            files::stat,
        )
        .named("statFile", "Describes one file or directory")
        .does(Files, Viewer, "file.stat")
        .with(&[FilePath])
        .json(200, "FileResponse", "The file or directory.")
        .shares(&[ONE, FILES])
        .fails(&[&[InvalidQuery]]),
        Route::new(
            Method::GET,
            "/api/v1/storage/backends/{id}/files/download",
            files::download,
        )
        .named("downloadFile", "Sends a file, or one range of it (RFC 9110)")
        .does(Files, Operator, "file.download")
        .takes_links()
        .with(&[FilePath, Range, IfRange, IfMatch, IfNoneMatch])
        .answer(200, Content::Bytes, "The file.")
        .headers(FILE_HEADERS)
        .answer(206, Content::Bytes, "The range.")
        .headers(&["Content-Range", "ETag"])
        .not_modified()
        .shares(&[ONE, FILES])
        .fails(&[&[InvalidQuery, NotAFile, PreconditionFailed, RangeNotSatisfiable]]),
        Route::new(
            Method::POST,
            "/api/v1/storage/backends/{id}/files/links",
            files::link,
        )
        .named(
            "createLink",
            "Makes a signed link to a download, which needs no header field",
        )
        .does(Change, Operator, "file.link")
        .body(Json("LinkCreate"))
        .json(201, "LinkResponse", "The link.")
        .fails(&[ONE, &[NoFiles, StorageUnavailable]]),
    ]
}
