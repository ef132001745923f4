//! What went wrong with a backend, as an operator is told: plain, and without a path of this host.

use storage_backends::BackendError;

/// One sentence that a person can act on.
pub(crate) fn explain(error: &BackendError) -> String {
    match error {
        BackendError::Deadline { what } => {
            format!("Time ran out: {what} did not end; check that the storage answers, and test again")
        }
        BackendError::Cancelled { what } => format!("Broken off: {what} was ended from outside; test again"),
        BackendError::Stuck { .. } => {
            "An earlier call on this backend still hangs in the kernel; bring its server back, or restart this host"
                .to_owned()
        }
        BackendError::WorkerStart(_) => {
            "The helper process that works on mounts could not be started; see the service's log".to_owned()
        }
        BackendError::WorkerBroken { .. } => {
            "The helper process that works on mounts broke off; see the service's log, and test again".to_owned()
        }
        BackendError::MountCall { call, source } => {
            format!("The mounted storage refused {call}: {}", plain(source))
        }
        BackendError::Mountinfo(_) => {
            "The table of mounts of this host could not be read; see the service's log".to_owned()
        }
        BackendError::Busy { .. } => "The mount is in use".to_owned(),
        BackendError::Unmount { source, .. } => {
            format!("The mount could not be taken away: {}", plain(source))
        }
        BackendError::NotMounted { .. } => "The storage is not mounted".to_owned(),
        BackendError::NotListable { reason }
        | BackendError::HttpSetup { reason }
        | BackendError::HttpRequest { reason }
        | BackendError::IscsiRequest { reason } => reason.clone(),
    }
}

/// The kernel's own words, without the number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
