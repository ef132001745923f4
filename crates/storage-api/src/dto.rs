//! What goes over the wire: requests in, answers out.

mod audit;
mod backend;
mod boot;
mod discovered;
mod draft;
mod file;
mod file_change;
mod job;
mod link;
mod logical_unit;
mod luns;
mod members;
mod query;
mod test;
mod upload;

pub(crate) use audit::{AuditDto, OUTCOMES};
pub(crate) use backend::{list, one};
pub(crate) use boot::{BootStatsDto, CheckedDto};
pub(crate) use discovered::{BucketDto, ExportDto};
pub(crate) use draft::{creation, trial, update};
pub(crate) use file::{
    FileDto, FileListDto, MAX_FILES, boot_media_type, file_path, mime_type, page_of_files, stale_cursor,
};
pub(crate) use file_change::{FOLDER_CREATED, MAX_PATHS, deletion, fetch, folder, movement, one_file};
pub(crate) use job::{GOES_ON, JobDto};
pub(crate) use link::{
    DEFAULT_LINK_SECONDS, LinkDto, LinkRequest, MAX_BOOT_LINK_SECONDS, link, not_a_boot_file,
    too_long_for_a_link,
};
pub(crate) use logical_unit::LogicalUnitDto;
pub(crate) use luns::TargetDto;
pub(crate) use query::{
    DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET, audit_filter, job_filter, list_filter, portal, server, wants_force,
};
pub(crate) use test::TestDto;
pub(crate) use upload::{UploadDto, not_a_name};

use std::borrow::Cow;

use serde::Serialize;
pub(crate) use storage_domain::timestamp;

/// What a creation says.
pub(crate) const CREATED: &str = "Storage backend created successfully";
/// What a change says.
pub(crate) const UPDATED: &str = "Backend updated successfully";
/// What a delete says.
pub(crate) const DELETED: &str = "Backend deleted successfully";

/// The envelope of one thing.
#[derive(Debug, Serialize)]
pub(crate) struct One<T> {
    success: bool,
    data: T,
    message: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl<T> One<T> {
    pub(crate) fn new(data: T) -> Self {
        Self {
            success: true,
            data,
            message: None,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn with_message(data: T, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            success: true,
            data,
            message: Some(message.into()),
            warnings: Vec::new(),
        }
    }

    /// With what is allowed, and worth a word.
    pub(crate) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }
}

/// The envelope of a list.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    success: bool,
    data: Vec<T>,
    /// All matches, not just this page.
    total: u64,
    /// What is missing, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl<T> List<T> {
    /// A list that is its only page.
    pub(crate) fn whole(data: Vec<T>) -> Self {
        let total = u64::try_from(data.len()).unwrap_or(u64::MAX);
        Self::part(data, total)
    }

    /// A page of a list of so many.
    pub(crate) fn part(data: Vec<T>, total: u64) -> Self {
        Self {
            success: true,
            total,
            data,
            message: None,
        }
    }

    /// Adds what is missing.
    pub(crate) fn with_message(mut self, message: Option<String>) -> Self {
        self.message = message;
        self
    }
}
