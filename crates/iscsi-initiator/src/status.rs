//! The status of commands (SAM-5) and their sense data (SPC-4).

mod meanings;

use std::fmt;

use meanings::{KEYS, MEANINGS};

/// The status codes (SAM-5, section 5.3).
pub(crate) const GOOD: u8 = 0x00;
pub(crate) const CHECK_CONDITION: u8 = 0x02;
pub(crate) const BUSY: u8 = 0x08;
const RESERVATION_CONFLICT: u8 = 0x18;
pub(crate) const TASK_SET_FULL: u8 = 0x28;
const ACA_ACTIVE: u8 = 0x30;
const TASK_ABORTED: u8 = 0x40;
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
            (ACA_ACTIVE, _) => f.write_str("the unit waits until the error of another command is cleared"),
            (TASK_ABORTED, _) => f.write_str("another initiator aborted the command"),
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
