//! What is wrong with the logical units of a target that admits this initiator.

use std::fmt;

use iscsi_initiator::{Cause, Error};

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

/// What to do about a command that a unit did not carry out, as a sentence of its own.
struct Remedy<'a>(&'a Cause);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAM-5, section 5.3.1.
        const BUSY: u8 = 0x08;
        const RESERVATION_CONFLICT: u8 = 0x18;
        const SET_FULL: u8 = 0x28;
        let Cause::Status(status) = self.0 else {
            return Ok(());
        };
        let sense = status.sense.map(|sense| (sense.code, sense.qualifier));
        f.write_str(match (sense, status.code) {
            (Some((0x04, 0x0b | 0x0c)), _) => {
                ". Set target to a portal of the controller that serves the unit"
            }
            (Some((0x05 | 0x08, _) | (0x3e, 0x02)), _) => {
                ". Check the connection between the target and its disks"
            }
            (Some((0x20, 0x01..=0x03) | (0x74, 0x71)), _) => {
                ". Allow this initiator to access the unit at the storage system"
            }
            (Some((0x30 | 0x31 | 0x53, _)), _) => ". Insert another medium, or give the unit another image",
            (Some((0x68, _)), _) => ". Configure the unit at the storage system",
            (Some((0x04, 0x02 | 0x03 | 0x0d | 0x10..=0x12 | 0x15..=0x18 | 0x1e..=0x23)), _) => {
                ". Make the unit ready at the storage system"
            }
            (Some((0x04, _)), _) => ". Wait until that is over, and test again",
            (Some((0x25, _)), _) => ". Map the unit to this initiator at the storage system",
            (Some((0x3a, _)), _) => ". Insert a medium, or give the unit an image",
            (Some((0x28 | 0x29 | 0x2a | 0x2f | 0x3f | 0x55, _) | (0x3e, 0x00)), _)
            | (None, BUSY | SET_FULL) => ". Test again later",
            (None, RESERVATION_CONFLICT) => ". End the other initiator's reservation",
            _ => ". See the unit's state at the storage system",
        })
    }
}
