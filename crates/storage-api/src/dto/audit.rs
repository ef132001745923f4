//! A record of the audit trail.

use serde::Serialize;
use storage_domain::Role;
use storage_domain::access::{AuditRecord, How};

use super::timestamp;

/// A record of the audit trail.
#[derive(Debug, Serialize)]
pub(crate) struct AuditDto<'a> {
    id: String,
    at: String,
    actor: Option<&'a str>,
    how: Option<&'a str>,
    role: Option<Role>,
    address: Option<&'a str>,
    action: &'a str,
    method: Option<&'a str>,
    backend: Option<BackendDto<'a>>,
    fields: &'a [String],
    outcome: &'static str,
    status: Option<u16>,
    error: Option<&'a str>,
    request_id: Option<&'a str>,
    detail: Option<&'a str>,
}

/// The backend that it was about, as it was called then.
#[derive(Debug, Serialize)]
struct BackendDto<'a> {
    id: &'a str,
    name: Option<&'a str>,
}

/// What became of it, in a word.
pub(crate) const OUTCOMES: [&str; 4] = ["done", "refused", "failed", "unknown"];

fn outcome(record: &AuditRecord) -> &'static str {
    let [done, refused, failed, unknown] = OUTCOMES;
    match record.status {
        Some(401 | 403) => refused,
        Some(400..) => failed,
        Some(_) => done,
        // The command line records what it has done.
        None if record.how.as_deref() == Some(How::Cli.as_str()) => done,
        None => unknown,
    }
}

impl<'a> From<&'a AuditRecord> for AuditDto<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        let backend = record.backend_id.as_deref().map(|id| BackendDto {
            id,
            name: record.backend_name.as_deref(),
        });
        Self {
            id: record.id.to_string(),
            at: timestamp(record.at),
            actor: record.actor.as_deref(),
            how: record.how.as_deref(),
            role: record.role,
            address: record.address.as_deref(),
            action: &record.action,
            method: record.method.as_deref(),
            backend,
            fields: &record.fields,
            outcome: outcome(record),
            status: record.status,
            error: record.error.as_deref(),
            request_id: record.request_id.as_deref(),
            detail: record.detail.as_deref(),
        }
    }
}
