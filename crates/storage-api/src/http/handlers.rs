//! The handlers, one file a subject: each takes what it needs, asks a use case, and shows what came of it.

pub(super) mod audit;
pub(super) mod backends;
pub(super) mod boot;
pub(super) mod discover;
pub(super) mod docs;
pub(super) mod file_changes;
pub(super) mod files;
pub(super) mod health;
pub(super) mod index;
pub(super) mod jobs;
pub(super) mod luns;
pub(super) mod problems;
pub(super) mod uploads;
