//! Messages about operations on a backend that failed.

use std::error::Error as _;

use storage_backends::{Error, ErrorKind};
use storage_domain::FilePath;

/// How much of a path a sentence repeats.
const MAX_PATH_CHARS: usize = 250;

/// Returns such a sentence that names a file or directory of the backend.
pub(crate) fn explain_at(path: &FilePath, error: &Error) -> String {
    let path = path.as_str();
    match path.char_indices().nth(MAX_PATH_CHARS) {
        Some((end, _)) => format!("{}…: {}", &path[..end], explain(error)),
        None => format!("{path}: {}", explain(error)),
    }
}

/// Returns one sentence that an operator can act on, without a path of this host.
pub(crate) fn explain(error: &Error) -> String {
    let step = error.step();
    match error.kind() {
        ErrorKind::Timeout => match error.source() {
            Some(source) => format!("Time ran out: {source}"),
            None => format!("Time ran out: {step} did not end; check that the storage answers, and test again"),
        },
        ErrorKind::Cancelled => format!("Cancelled: {step} was ended from outside; test again"),
        ErrorKind::Stuck { .. } => {
            "An earlier call on this backend still hangs in the kernel; bring its server back, or restart this host"
                .to_owned()
        }
        ErrorKind::Helper => {
            "The helper process that works on mounts broke off; see the service's log, and test again".to_owned()
        }
        ErrorKind::MountTable => {
            "The table of mounts of this host could not be read; see the service's log".to_owned()
        }
        ErrorKind::Busy(_) => "The mount is in use".to_owned(),
        ErrorKind::NotMounted => "The storage is not mounted".to_owned(),
        ErrorKind::Kernel => match error.errno_text() {
            Some(cause) => format!("The kernel refused {step}: {cause}"),
            None => format!("The kernel refused {step}"),
        },
        ErrorKind::NotFound => "There is nothing at this path; list its directory".to_owned(),
        ErrorKind::NotADirectory => "This is a file; name the directory that holds it".to_owned(),
        ErrorKind::NotAFile => "This is a directory; name a file in it".to_owned(),
        ErrorKind::Changed => "The file changes while it is read; try again".to_owned(),
        ErrorKind::TooBusy => "As many transfers run as may run at once, and none of them ended in time; try again".to_owned(),
        ErrorKind::Exists => "Something is at this path already".to_owned(),
        ErrorKind::NoSpace => "The storage is full, or a quota is; delete files or enlarge it".to_owned(),
        ErrorKind::Unconditional => {
            "The storage has no conditional writes; send the file without a precondition".to_owned()
        }
        ErrorKind::NotEmpty => match error.source() {
            Some(stays) => format!("The directory is not empty, and this in it stays: {stays}"),
            None => "The directory is not empty".to_owned(),
        },
        ErrorKind::Refused
        | ErrorKind::ReadOnly
        | ErrorKind::NotListable
        | ErrorKind::Config | ErrorKind::Server | ErrorKind::Denied => {
            error.source().map_or_else(|| error.to_string(), ToString::to_string)
        }
    }
}
