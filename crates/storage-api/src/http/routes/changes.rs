//! The routes that change files, and those of jobs.

use actix_web::http::Method;
use storage_domain::Role::{Admin, Operator, Viewer};

use super::ONE;
use super::files::FILES;
use crate::http::handlers::{file_changes, jobs};
use crate::http::parameter::Parameter::{Backend, JobState, ListLimit};
use crate::http::route::Body::{Ignored, Json};
use crate::http::route::Class::{Change, Read};
use crate::http::route::Route;
use crate::problem::Code::{
    self, DirectoryNotEmpty, InvalidQuery, JobNotFound, NoSpace, NotADirectory, NotAFile, PathExists,
    PathRefused, ReadOnly,
};

/// The problems of whatever changes files.
pub(super) const CHANGING: &[Code] = &[
    PathRefused,
    NotADirectory,
    NotAFile,
    PathExists,
    DirectoryNotEmpty,
    ReadOnly,
    NoSpace,
];

pub(super) fn files() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/api/v1/storage/backends/{id}/folders",
            file_changes::make_folder,
        )
        .named(
            "createFolder",
            "Makes a directory, and those above it that are missing",
        )
        .does(Change, Admin, "folder.create")
        .body(Json("FolderCreate"))
        .json(201, "FileResponse", "The directory.")
        .shares(&[ONE, FILES, CHANGING]),
        Route::new(
            Method::POST,
            "/api/v1/storage/backends/{id}/files/move",
            file_changes::rename,
        )
        .named(
            "moveFiles",
            "Gives a file or directory another path, or moves several into a directory; replaces nothing",
        )
        .does(Change, Admin, "file.move")
        .body(Json("FileMove"))
        .json(200, "FilesMovedResponse", "How many were moved.")
        .goes_on()
        .shares(&[ONE, FILES, CHANGING]),
        Route::new(
            Method::POST,
            "/api/v1/storage/backends/{id}/files/delete",
            file_changes::delete_all,
        )
        .named(
            "deleteFiles",
            "Deletes files, and directories with all that is in them unless `recursive` is false",
        )
        .does(Change, Admin, "file.delete")
        .body(Json("FileDelete"))
        .json(200, "FilesDeletedResponse", "How many of the paths were there.")
        .goes_on()
        .shares(&[ONE, FILES, CHANGING]),
        Route::new(
            Method::POST,
            "/api/v1/storage/backends/{id}/files/fetch",
            file_changes::fetch,
        )
        .named("fetchFile", "Writes a file that the service reads from a URL")
        .does(Change, Admin, "file.fetch")
        .body(Json("FileFetch"))
        .goes_on()
        .shares(&[ONE, FILES, CHANGING]),
        Route::new(
            Method::POST,
            "/api/v1/storage/backends/{id}/files/hash",
            file_changes::hash,
        )
        .named(
            "hashFile",
            "Reads a file for its SHA-256, which `sha256` shows from then on",
        )
        .does(Change, Operator, "file.hash")
        .body(Json("FileHash"))
        .goes_on()
        .shares(&[ONE, FILES, CHANGING]),
    ]
}

pub(super) fn jobs() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/storage/jobs", jobs::list)
            .named("listJobs", "Lists the jobs of the last week, the newest first")
            .does(Read, Viewer, "job.list")
            .with(&[ListLimit, Backend, JobState])
            .json(200, "JobListResponse", "The jobs.")
            .fails(&[&[InvalidQuery]]),
        Route::new(Method::GET, "/api/v1/storage/jobs/{job}", jobs::get)
            .named("getJob", "Returns one job")
            .does(Read, Viewer, "job.read")
            .json(200, "JobResponse", "The job.")
            .fails(&[&[JobNotFound]]),
        Route::new(Method::DELETE, "/api/v1/storage/jobs/{job}", jobs::cancel)
            .named(
                "cancelJob",
                "Ends a job within two seconds; what it has done stays",
            )
            .does(Change, Admin, "job.cancel")
            .body(Ignored)
            .json(200, "JobResponse", "The job, which may not have ended yet.")
            .fails(&[&[JobNotFound]]),
    ]
}
