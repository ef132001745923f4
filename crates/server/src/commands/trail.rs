//! What the command line adds to the audit trail.

use nix::unistd::{User, getuid};
use storage_domain::Role;
use storage_domain::access::{Actor, AuditRecord, How};

/// A record of what whoever runs this does; the store writes it together with the change.
pub(super) fn record(action: &str) -> AuditRecord {
    let me = getuid();
    let user = User::from_uid(me).ok().flatten();
    let actor = Actor {
        name: user.map_or_else(|| format!("uid {me}"), |user| user.name),
        role: Role::Admin,
        how: How::Cli,
        until: None,
    };
    AuditRecord::new(action).by(&actor)
}
