//! What machines boot from, and what they have fetched.

use std::collections::BTreeMap;

use serde::Serialize;
use storage_domain::BackendId;
use time::OffsetDateTime;

use super::timestamp;
use crate::boot::{Checked, Counts, Names, Traffic, Verdict};

/// What the kinds of clients make of a file.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedDto {
    clients: Vec<VerdictDto>,
    url: Option<String>,
    lines: LinesDto,
}

#[derive(Debug, Serialize)]
struct VerdictDto {
    client: &'static str,
    outcome: &'static str,
    detail: String,
}

#[derive(Debug, Serialize)]
struct LinesDto {
    ipxe: Option<String>,
    grub: Option<String>,
}

impl From<Checked> for CheckedDto {
    fn from(checked: Checked) -> Self {
        let show = |verdict: Verdict| VerdictDto {
            client: verdict.client.as_str(),
            outcome: verdict.outcome.as_str(),
            detail: verdict.detail,
        };
        Self {
            clients: checked.verdicts.into_iter().map(show).collect(),
            url: checked.url,
            lines: LinesDto {
                ipxe: checked.lines.ipxe,
                grub: checked.lines.grub,
            },
        }
    }
}

/// What machines have fetched since the process began.
#[derive(Debug, Serialize)]
pub(crate) struct BootStatsDto {
    since: String,
    requests: u64,
    refused: u64,
    failed: u64,
    bytes: u64,
    connections: u64,
    origins: BTreeMap<&'static str, TrafficDto>,
    backends: Vec<BackendDto>,
}

#[derive(Debug, Serialize)]
struct TrafficDto {
    requests: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct BackendDto {
    id: BackendId,
    name: String,
    #[serde(flatten)]
    traffic: TrafficDto,
}

impl From<Traffic> for TrafficDto {
    fn from(Traffic { requests, bytes }: Traffic) -> Self {
        Self { requests, bytes }
    }
}

impl BootStatsDto {
    /// Shows the counts, those of backends with a name by their bytes.
    pub(crate) fn new(since: OffsetDateTime, counts: &Counts, names: Names) -> Self {
        let traffic = |id: BackendId| counts.backends.get(&id).copied().unwrap_or_default();
        let backends = names.into_iter().map(|(id, name)| BackendDto {
            id,
            name: name.as_str().to_owned(),
            traffic: traffic(id).into(),
        });
        let mut backends: Vec<_> = backends.collect();
        backends.sort_by(|a, b| {
            let key = |backend: &BackendDto| (std::cmp::Reverse(backend.traffic.bytes), backend.id);
            key(a).cmp(&key(b))
        });
        Self {
            since: timestamp(since),
            requests: counts.all.requests,
            refused: counts.refused,
            failed: counts.failed,
            bytes: counts.all.bytes,
            connections: counts.connections,
            origins: BTreeMap::from(counts.origins().map(|(name, traffic)| (name, traffic.into()))),
            backends,
        }
    }
}
