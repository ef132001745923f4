//! The logical units that the last tests saw. They are not stored: after a start the first checks see them again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage_domain::{BackendId, IscsiTarget, Revision};

/// How many logical units are kept of one backend.
const MAX_LUNS: usize = 1024;

/// The targets of each backend that has some, with the revision that was tested.
#[derive(Debug, Default)]
pub(crate) struct SeenLuns(Mutex<HashMap<BackendId, (Revision, Vec<IscsiTarget>)>>);

impl SeenLuns {
    /// Keeps what a test of this revision saw.
    pub(super) fn set(&self, id: BackendId, revision: Revision, targets: &[IscsiTarget]) {
        let mut left = MAX_LUNS;
        let mut kept = Vec::new();
        for target in targets {
            let luns = target.luns.iter().flatten().take(left).cloned();
            let luns: Vec<_> = luns.collect();
            left -= luns.len();
            if !luns.is_empty() {
                let (name, portals) = (target.name.clone(), target.portals.clone());
                let luns = Some(luns);
                kept.push(IscsiTarget { name, portals, luns });
            }
        }
        self.by_id().insert(id, (revision, kept));
    }

    /// Returns what the last test of this revision saw; nothing, if it was not tested.
    pub(crate) fn of(&self, id: BackendId, revision: Revision) -> Vec<IscsiTarget> {
        let by_id = self.by_id();
        let seen = by_id.get(&id).filter(|(of, _)| *of == revision);
        seen.map(|(_, targets)| targets.clone()).unwrap_or_default()
    }

    pub(super) fn forget(&self, id: BackendId) {
        self.by_id().remove(&id);
    }

    fn by_id(&self) -> MutexGuard<'_, HashMap<BackendId, (Revision, Vec<IscsiTarget>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
