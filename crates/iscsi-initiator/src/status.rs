//! The status of commands (SAM-5) and their sense data (SPC-4).

use std::fmt;

/// The status codes (SAM-5, section 5.3).
pub(crate) const GOOD: u8 = 0x00;
pub(crate) const CHECK_CONDITION: u8 = 0x02;
pub(crate) const BUSY: u8 = 0x08;
const RESERVATION_CONFLICT: u8 = 0x18;
pub(crate) const TASK_SET_FULL: u8 = 0x28;
/// The sense keys (SPC-4, section 4.5.6).
pub(crate) const ILLEGAL_REQUEST: u8 = 0x5;
pub(crate) const UNIT_ATTENTION: u8 = 0x6;

/// The status of a command that was not carried out (SAM-5, section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The status code.
    pub code: u8,
    /// The reason, if the unit sent one.
    pub sense: Option<Sense>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.sense) {
            (BUSY | TASK_SET_FULL, _) => f.write_str("the unit is busy"),
            (RESERVATION_CONFLICT, _) => f.write_str("another initiator has the unit reserved"),
            (CHECK_CONDITION, Some(sense)) => sense.fmt(f),
            (code, _) => write!(f, "the unit answers with status {code:#04x}"),
        }
    }
}

/// Why a command was not carried out (SPC-4, section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sense {
    /// The sense key.
    pub key: u8,
    /// The additional sense code.
    pub code: u8,
    /// The additional sense code qualifier.
    pub qualifier: u8,
}

impl Sense {
    /// Reads the fixed format (4.5.3) or the descriptor format (4.5.2).
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let at = |at: usize| data.get(at).copied();
        Some(match at(0)? & 0x7f {
            0x70 | 0x71 => Self {
                key: at(2)? & 0x0f,
                code: at(12).unwrap_or(0),
                qualifier: at(13).unwrap_or(0),
            },
            0x72 | 0x73 => Self {
                key: at(1)? & 0x0f,
                code: at(2)?,
                qualifier: at(3)?,
            },
            _ => return None,
        })
    }
}

impl Sense {
    /// Returns what the code means, and else what the key means: a clause about the unit.
    pub fn meaning(&self) -> &'static str {
        let is_known =
            |(code, qualifier, _): &&(u8, u8, _)| (*code, *qualifier) == (self.code, self.qualifier);
        match MEANINGS.iter().find(is_known) {
            Some((.., meaning)) => meaning,
            None => KEYS[usize::from(self.key & 0x0f)],
        }
    }
}

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, code, qualifier } = self;
        write!(f, "{} (sense {key:x}/{code:02x}/{qualifier:02x})", self.meaning())
    }
}

/// The meaning of the sense keys (SPC-4, section 4.5.6).
const KEYS: [&str; 16] = [
    "the unit reports no error",
    "the unit had to correct an error",
    "the unit is not ready",
    "the medium of the unit is damaged",
    "the unit has a hardware error",
    "the unit does not accept the command",
    "the unit has changed its state",
    "the unit protects its data",
    "the medium of the unit is blank",
    "the unit reports an error of its vendor",
    "the unit stopped a copy",
    "the unit stopped the command",
    "the unit is full",
    "the data of the unit differs from what was expected",
    "the unit reports a reserved error",
    "the unit has more sense data than it sent",
];

/// The meaning of additional sense codes with their qualifiers (SPC-4, annex D).
const MEANINGS: [(u8, u8, &str); 56] = [
    (
        0x04,
        0x00,
        "the unit is not ready, for a reason that it can't report",
    ),
    (0x04, 0x01, "the unit is becoming ready"),
    (0x04, 0x02, "the unit was not started"),
    (0x04, 0x03, "the unit needs manual intervention"),
    (0x04, 0x04, "the unit is being formatted"),
    (0x04, 0x05, "the unit is being rebuilt"),
    (0x04, 0x06, "the unit recalculates its parity"),
    (0x04, 0x07, "the unit is busy with another operation"),
    (0x04, 0x08, "the unit is busy with a long write"),
    (0x04, 0x09, "the unit tests itself"),
    (
        0x04,
        0x0a,
        "the path to the unit changes its state, as in a failover",
    ),
    (
        0x04,
        0x0b,
        "the path to the unit is on standby: another controller serves it",
    ),
    (
        0x04,
        0x0c,
        "the path to the unit is unavailable: another controller serves it",
    ),
    (0x04, 0x0d, "the structure of the unit has to be checked"),
    (0x04, 0x0e, "the unit is busy with a security session"),
    (0x04, 0x10, "the auxiliary memory of the unit can't be accessed"),
    (0x04, 0x11, "the unit waits for permission to spin up"),
    (0x04, 0x12, "the unit is offline"),
    (0x04, 0x13, "the unit creates a security association"),
    (0x04, 0x14, "the unit allocates space"),
    (0x04, 0x15, "the robotics of the unit are disabled"),
    (0x04, 0x16, "the unit has to be configured"),
    (0x04, 0x17, "the unit has to be calibrated"),
    (0x04, 0x18, "a door of the unit is open"),
    (0x04, 0x19, "the unit operates in sequential mode"),
    (0x04, 0x1a, "the unit is starting or stopping"),
    (0x04, 0x1b, "the unit is being sanitized"),
    (0x04, 0x1c, "the unit waits for more power"),
    (0x04, 0x1d, "the unit is being configured"),
    (0x04, 0x1e, "the firmware of the unit has to be activated"),
    (0x04, 0x1f, "the unit needs firmware"),
    (0x04, 0x20, "the unit needs a reset"),
    (0x04, 0x21, "the unit needs a hard reset"),
    (0x04, 0x22, "the unit needs a power cycle"),
    (0x04, 0x23, "the unit needs an affiliation"),
    (0x04, 0x24, "the unit is being depopulated"),
    (0x04, 0x25, "the unit is being restored after a depopulation"),
    (0x20, 0x00, "the unit does not know the command"),
    (0x24, 0x00, "the unit does not accept a field of the command"),
    (0x25, 0x00, "there is no such unit for this initiator"),
    (0x27, 0x00, "the unit is write-protected"),
    (0x27, 0x01, "the unit is write-protected by a switch"),
    (0x27, 0x02, "the unit is write-protected by software"),
    (0x27, 0x03, "the unit is write-protected together with others"),
    (0x27, 0x04, "the unit is write-protected until that is reset"),
    (0x27, 0x05, "the unit is write-protected for good"),
    (0x27, 0x06, "the unit is write-protected under a condition"),
    (
        0x27,
        0x07,
        "the storage behind the unit is full, so that it is write-protected",
    ),
    (0x27, 0x08, "the zone of the unit is read-only"),
    (0x29, 0x00, "the unit was reset or powered on"),
    (0x2f, 0x00, "another initiator cleared the commands of the unit"),
    (0x3a, 0x00, "there is no medium in the unit"),
    (
        0x3a,
        0x01,
        "there is no medium in the unit, and its tray is closed",
    ),
    (0x3a, 0x02, "there is no medium in the unit, and its tray is open"),
    (0x3a, 0x03, "the medium of the unit has to be loaded"),
    (
        0x3a,
        0x04,
        "there is no medium in the unit, only its auxiliary memory",
    ),
];
