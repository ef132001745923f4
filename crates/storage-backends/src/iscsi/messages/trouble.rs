//! What is wrong with the logical units of a target that admits this initiator.

use std::fmt;

use iscsi_initiator::{Cause, Error, Sense};

use super::Failure;

/// What is wrong in a target that admits this initiator.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The session failed.
    Session(Failure),
    /// A command for one unit failed.
    Unit {
        lun: u64,
        target: String,
        error: Error,
    },
    NotReady {
        lun: u64,
        target: String,
        cause: Cause,
    },
    /// The target has more units than a probe inspects.
    TooMany {
        target: String,
        units: usize,
        limit: usize,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(failure) => failure.fmt(f),
            Self::Unit { lun, target, error } => {
                write!(f, "LUN {lun} of {target}: {error}{}", Remedy(&error.cause))
            }
            Self::NotReady { lun, target, cause } => {
                write!(f, "LUN {lun} of {target} is not ready: {cause}{}", Remedy(cause))
            }
            Self::TooMany { target, units, limit } => {
                write!(
                    f,
                    "{target} has {units} logical units, of which a probe inspects {limit}"
                )
            }
        }
    }
}

/// What to do about a command that a unit did not carry out, as a sentence of its own; empty if nothing is known.
struct Remedy<'a>(&'a Cause);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cause::Status(status) = self.0 else {
            return Ok(());
        };
        let Some(Sense { code, qualifier, .. }) = status.sense else {
            return Ok(());
        };
        f.write_str(match (code, qualifier) {
            (0x04, 0x0a..=0x0c) => ". Set target to a portal of the controller that serves the unit",
            (0x04, 0x02 | 0x03 | 0x0d | 0x11 | 0x12 | 0x15..=0x18 | 0x1e..=0x23) => {
                ". Make the unit ready at the storage system"
            }
            (0x04, _) => ". Wait until that is over, and test again",
            (0x25, _) => ". Map the unit to this initiator at the storage system",
            (0x3a, _) => ". Insert a medium, or give the unit an image",
            _ => return Ok(()),
        })
    }
}
