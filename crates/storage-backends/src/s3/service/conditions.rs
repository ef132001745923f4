//! Which conditional writes a server honours.

use tokio::sync::OnceCell;

use crate::files::Condition;

/// The request that makes an object appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// PutObject.
    Put,
    /// CompleteMultipartUpload.
    Complete,
    /// CopyObject.
    Copy,
}

/// What was found out, by form and header: the same server may honour one and ignore the other.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    absent: [OnceCell<bool>; 3],
    version: [OnceCell<bool>; 3],
}

impl Conditions {
    /// Returns where it stands whether a condition is honoured.
    pub(crate) fn cell(&self, form: Form, condition: &Condition) -> &OnceCell<bool> {
        match condition {
            Condition::Version(_) => &self.version[form as usize],
            Condition::Absent | Condition::None => &self.absent[form as usize],
        }
    }

    /// Returns whether no condition is known to be ignored or refused.
    pub(crate) fn are_honoured(&self) -> bool {
        let files = [Form::Put as usize, Form::Complete as usize];
        let is_honoured =
            |cells: &[OnceCell<bool>; 3]| files.iter().all(|form| cells[*form].get() != Some(&false));
        is_honoured(&self.absent) && is_honoured(&self.version)
    }
}
