//! What the command line adds to the audit trail.

use nix::unistd::{User, getuid};
use storage_domain::Role;
use storage_domain::access::{Actor, AuditRecord, How};
use storage_persistence::{MAX_AUDIT_BATCH, Store};

use crate::output;

/// Records what was done.
pub(super) async fn record(store: &Store, action: &str, detail: String) {
    let mut record = AuditRecord::new(action);
    record.detail = Some(detail);
    record_all(store, vec![record]).await;
}

/// Writes records of what was done, as done by whoever runs this. A trail that can't be written undoes nothing, and is
/// told.
pub(super) async fn record_all(store: &Store, records: Vec<AuditRecord>) {
    let me = getuid();
    let user = User::from_uid(me).ok().flatten();
    let actor = Actor {
        name: user.map_or_else(|| format!("uid {me}"), |user| user.name),
        role: Role::Admin,
        how: How::Cli,
    };
    let records: Vec<_> = records.into_iter().map(|record| record.by(&actor)).collect();
    for batch in records.chunks(MAX_AUDIT_BATCH) {
        if let Err(error) = store.add_audit(batch).await {
            output::tell(&format!(
                "the audit trail could not be written: {:#}",
                anyhow::Error::new(error)
            ));
            return;
        }
    }
}
