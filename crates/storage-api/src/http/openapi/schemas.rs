//! The named schemas: what is sent and answered.

mod backend;
mod boot;
mod envelope;
mod file;
mod job;
mod probe;
mod service;

use serde_json::{Map, Value};

use super::responses;

/// Returns all named schemas.
pub(super) fn all() -> Map<String, Value> {
    let groups = [
        backend::schemas(),
        boot::schemas(),
        file::schemas(),
        job::schemas(),
        probe::schemas(),
        service::schemas(),
        envelope::schemas(),
    ];
    groups.into_iter().flatten().chain(responses::sets()).collect()
}
