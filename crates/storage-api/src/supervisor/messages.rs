//! Messages about operations on a backend that failed.

use std::error::Error as _;

use storage_backends::{Error, ErrorKind};

/// Returns one sentence that an operator can act on, without a path of this host.
pub(crate) fn explain(error: &Error) -> String {
    let step = error.step();
    match error.kind() {
        ErrorKind::Timeout => {
            format!("Time ran out: {step} did not end; check that the storage answers, and test again")
        }
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
        ErrorKind::NotListable | ErrorKind::Config | ErrorKind::Server => {
            error.source().map_or_else(|| error.to_string(), ToString::to_string)
        }
    }
}
