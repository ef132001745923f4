//! What the command line adds to the audit trail.

use nix::unistd::{User, getuid};
use storage_domain::Role;
use storage_domain::access::{Actor, AuditRecord, How};
use storage_persistence::Store;

use crate::output;

/// Records what was done. A trail that can't be written undoes nothing, and is told.
pub(super) async fn record(store: &Store, action: &str, detail: String) {
    let me = getuid();
    let user = User::from_uid(me).ok().flatten();
    let actor = Actor {
        name: user.map_or_else(|| format!("uid {me}"), |user| user.name),
        role: Role::Admin,
        how: How::Cli,
    };
    let mut record = AuditRecord::new(action).by(&actor);
    record.detail = Some(detail);
    if let Err(error) = store.add_audit(&[record]).await {
        output::tell(&format!(
            "the audit trail could not be written: {:#}",
            anyhow::Error::new(error)
        ));
    }
}
