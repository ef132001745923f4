//! A backend as it is shown.

use serde::{Serialize, Serializer};
use storage_domain::{
    Backend, BackendKind, BackendStatus, ByteCount, Incomplete, LastTest, ShownConfig, Skipped, Stats,
};
use storage_persistence::UnreadableBackend;

use super::timestamp;

/// A backend as it is shown: without secrets.
#[derive(Debug, Serialize)]
pub(crate) struct BackendDto<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "type")]
    kind: BackendKind,
    status: BackendStatus,
    config: ShownConfig<'a>,
    stats: StatsDto<'a>,
    last_test: Option<LastTestDto<'a>>,
    created_at: String,
    updated_at: String,
}

/// Backends as they are shown, each made when it is written.
#[derive(Debug)]
pub(crate) struct BackendsDto<'a>(pub(crate) &'a [Backend]);

impl BackendsDto<'_> {
    /// About the bytes that these take, so that their text need not move while it grows.
    pub(crate) fn bytes(&self) -> usize {
        /// A backend with a message of its last test.
        const ONE: usize = 640;
        self.0.len() * ONE
    }
}

impl Serialize for BackendsDto<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(BackendDto::from))
    }
}

/// What is known of the content. Clients of old take numbers only, so that what was never measured is 0 for them.
#[derive(Debug, Serialize)]
struct StatsDto<'a> {
    used_bytes: u64,
    total_bytes: Option<u64>,
    file_count: u64,
    template_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'a Incomplete>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'a Skipped>,
}

#[derive(Debug, Serialize)]
struct LastTestDto<'a> {
    at: String,
    message: &'a str,
}

impl<'a> From<&'a Backend> for BackendDto<'a> {
    fn from(backend: &'a Backend) -> Self {
        Self {
            id: backend.id.to_string(),
            name: backend.name.as_str(),
            kind: backend.kind(),
            status: backend.status,
            config: backend.config.as_shown(),
            stats: StatsDto::from(&backend.stats),
            last_test: backend.last_test.as_ref().map(LastTestDto::from),
            created_at: timestamp(backend.created_at),
            updated_at: timestamp(backend.updated_at),
        }
    }
}

impl<'a> From<&'a Stats> for StatsDto<'a> {
    fn from(stats: &'a Stats) -> Self {
        Self {
            used_bytes: stats.used.map_or(0, ByteCount::get),
            total_bytes: stats.total.map(ByteCount::get),
            file_count: stats.file_count.unwrap_or(0),
            template_count: stats.template_count.unwrap_or(0),
            incomplete: stats.incomplete.as_ref(),
            skipped: stats.skipped.as_ref(),
        }
    }
}

impl<'a> From<&'a LastTest> for LastTestDto<'a> {
    fn from(test: &'a LastTest) -> Self {
        Self {
            at: timestamp(test.at),
            message: &test.message,
        }
    }
}

/// A stored backend that can't be read.
#[derive(Debug, Serialize)]
pub(crate) struct UnreadableDto {
    id: Option<String>,
    detail: String,
}

impl From<&UnreadableBackend> for UnreadableDto {
    fn from(row: &UnreadableBackend) -> Self {
        Self {
            id: row.id.map(|id| id.to_string()),
            detail: row.reason.clone(),
        }
    }
}
