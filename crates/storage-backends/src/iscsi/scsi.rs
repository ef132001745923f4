//! The few commands that look at a logical unit, and their answers (SPC-4, SBC-3, SAM-5).

use std::fmt;

use storage_domain::{ByteCount, LunKind};

use crate::iscsi::limits::MAX_LUNS;

/// The statuses that are met (SAM-5, section 5.3).
const GOOD: u8 = 0x00;
const CHECK_CONDITION: u8 = 0x02;
const BUSY: u8 = 0x08;
const RESERVATION_CONFLICT: u8 = 0x18;
const TASK_SET_FULL: u8 = 0x28;
/// The sense keys that are met (SPC-4, section 4.5.6).
const NOT_READY: u8 = 0x2;
const ILLEGAL_REQUEST: u8 = 0x5;
const UNIT_ATTENTION: u8 = 0x6;

/// A command: its block, how much it reads at most, and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) cdb: [u8; 16],
    pub(crate) length: u32,
    pub(crate) what: &'static str,
}

impl Command {
    fn new(what: &'static str, cdb: &[u8], length: u32) -> Self {
        let mut whole = [0; 16];
        whole[..cdb.len()].copy_from_slice(cdb);
        Self {
            cdb: whole,
            length,
            what,
        }
    }

    /// SPC-4, section 6.47.
    pub(crate) fn test_unit_ready() -> Self {
        Self::new("TEST UNIT READY", &[0x00], 0)
    }

    /// SPC-4, section 6.6.
    pub(crate) fn inquiry() -> Self {
        const LENGTH: u8 = 96;
        Self::new("INQUIRY", &[0x12, 0, 0, 0, LENGTH, 0], u32::from(LENGTH))
    }

    /// The unit serial number page (SPC-4, section 7.8.16).
    pub(crate) fn serial() -> Self {
        const LENGTH: u8 = 255;
        Self::new(
            "INQUIRY for the serial number",
            &[0x12, 1, 0x80, 0, LENGTH, 0],
            u32::from(LENGTH),
        )
    }

    /// SPC-4, section 6.33.
    pub(crate) fn report_luns() -> Self {
        let length = u32::try_from(8 + 8 * MAX_LUNS).unwrap_or(u32::MAX);
        let [a, b, c, d] = length.to_be_bytes();
        Self::new("REPORT LUNS", &[0xa0, 0, 0, 0, 0, 0, a, b, c, d, 0, 0], length)
    }

    /// SBC-3, section 5.16.
    pub(crate) fn read_capacity_16() -> Self {
        const LENGTH: u8 = 32;
        let mut cdb = [0; 16];
        (cdb[0], cdb[1], cdb[13]) = (0x9e, 0x10, LENGTH);
        Self::new("READ CAPACITY (16)", &cdb, u32::from(LENGTH))
    }

    /// SBC-3, section 5.15.
    pub(crate) fn read_capacity_10() -> Self {
        Self::new("READ CAPACITY (10)", &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8)
    }
}

/// What a command was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    status: u8,
    data: Vec<u8>,
    sense: Option<Sense>,
}

impl Answer {
    /// `segment` is the data segment of the response: a length, and sense data (RFC 7143, section 11.4.7).
    pub(crate) fn new(status: u8, data: Vec<u8>, segment: &[u8]) -> Self {
        let sense = segment.get(2..).and_then(Sense::read);
        Self { status, data, sense }
    }

    /// What was read, where the command was carried out.
    pub(crate) fn good(&self) -> Option<&[u8]> {
        (self.status == GOOD).then_some(&*self.data)
    }

    /// Whether the unit has news for us, such as a reset, and has to be asked again (SAM-5, section 5.14).
    pub(crate) fn has_attention(&self) -> bool {
        self.status == CHECK_CONDITION && self.has_key(UNIT_ATTENTION)
    }

    /// Whether the unit may take the command a little later.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.status, BUSY | TASK_SET_FULL)
    }

    /// Whether the unit does not know the command.
    pub(crate) fn is_unknown(&self) -> bool {
        self.status == CHECK_CONDITION && self.has_key(ILLEGAL_REQUEST)
    }

    fn has_key(&self, key: u8) -> bool {
        self.sense.is_some_and(|sense| sense.key == key)
    }
}

/// What came of the command, for a sentence about one that was not carried out.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.sense) {
            (BUSY | TASK_SET_FULL, _) => f.write_str("the unit is busy"),
            (RESERVATION_CONFLICT, _) => f.write_str("another initiator has the unit reserved"),
            (CHECK_CONDITION, Some(sense)) if sense.key == NOT_READY => {
                write!(f, "the unit is not ready ({sense})")
            }
            (CHECK_CONDITION, Some(sense)) => write!(f, "the unit answers {sense}"),
            (status, _) => write!(f, "the unit answers with status {status:#04x}"),
        }
    }
}

/// Why a command was not carried out (SPC-4, section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sense {
    key: u8,
    code: u8,
    qualifier: u8,
}

impl Sense {
    /// Fixed format (4.5.3) or descriptor format (4.5.2).
    fn read(data: &[u8]) -> Option<Self> {
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

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sense {:x}/{:02x}/{:02x}", self.key, self.code, self.qualifier)
    }
}

/// What INQUIRY tells of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What kind of blocks it holds; `None` where it holds none that a client could boot from.
    pub(crate) kind: Option<LunKind>,
    pub(crate) vendor: String,
    pub(crate) product: String,
}

/// The standard INQUIRY data (SPC-4, section 6.6.2).
pub(crate) fn identity(data: &[u8]) -> Option<Identity> {
    let first = *data.first()?;
    let kind = match (first >> 5, first & 0x1f) {
        (0, 0x00) => Some(LunKind::Disk),
        (0, 0x05) => Some(LunKind::Cdrom),
        _ => None,
    };
    Some(Identity {
        kind,
        vendor: words(data.get(8..16).unwrap_or_default()),
        product: words(data.get(16..32).unwrap_or_default()),
    })
}

/// The serial number (SPC-4, section 7.8.16).
pub(crate) fn serial(data: &[u8]) -> Option<String> {
    if data.get(1) != Some(&0x80) {
        return None;
    }
    let (head, text) = data.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let serial = words(text.get(..length).unwrap_or(text));
    (!serial.is_empty()).then_some(serial)
}

/// ASCII without what fills it up, and without what would steer a terminal (SPC-4, section 4.3.1).
fn words(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|byte| {
            if (0x20..0x7f).contains(byte) {
                char::from(*byte)
            } else {
                ' '
            }
        })
        .collect();
    text.trim().to_owned()
}

/// A logical unit's address as commands carry it, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) bytes: [u8; 8],
    pub(crate) number: u64,
}

/// The addresses in the answer to REPORT LUNS (SPC-4, section 6.33), at most [`MAX_LUNS`], and how many units there are.
pub(crate) fn luns(data: &[u8]) -> (Vec<Address>, usize) {
    let Some((head, list)) = data.split_first_chunk::<8>() else {
        return (Vec::new(), 0);
    };
    let length = head[..4]
        .iter()
        .fold(0, |length: usize, byte| (length << 8) | usize::from(*byte));
    let list = list.get(..length).unwrap_or(list);
    let whole = list.chunks_exact(8).filter_map(|chunk| chunk.first_chunk::<8>());
    let address = |bytes: &[u8; 8]| Address {
        bytes: *bytes,
        number: number(*bytes),
    };
    (whole.take(MAX_LUNS).map(address).collect(), length / 8)
}

/// The number that people use (SAM-5, section 4.7.6): that of the peripheral, flat or extended flat form, and the whole
/// address for other forms.
fn number(bytes: [u8; 8]) -> u64 {
    let byte = |at: usize| u64::from(bytes[at]);
    match bytes[0] >> 6 {
        0 if bytes[0] == 0 => byte(1),
        1 => ((byte(0) & 0x3f) << 8) | byte(1),
        3 if bytes[0] == 0xd2 => (byte(1) << 16) | (byte(2) << 8) | byte(3),
        _ => u64::from_be_bytes(bytes),
    }
}

/// How large a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: ByteCount,
    pub(crate) block: u32,
}

/// The answer to READ CAPACITY (16) (SBC-3, section 5.16.2).
pub(crate) fn size_16(data: &[u8]) -> Option<Size> {
    let last = u64::from_be_bytes(*data.first_chunk()?);
    let block = u32::from_be_bytes(*data.get(8..)?.first_chunk()?);
    size(last, block)
}

/// The answer to READ CAPACITY (10) (SBC-3, section 5.15.2); a unit that is larger than it can tell has no size.
pub(crate) fn size_10(data: &[u8]) -> Option<Size> {
    let last = u32::from_be_bytes(*data.first_chunk()?);
    let block = u32::from_be_bytes(*data.get(4..)?.first_chunk()?);
    (last != u32::MAX)
        .then_some(())
        .and_then(|()| size(u64::from(last), block))
}

fn size(last: u64, block: u32) -> Option<Size> {
    let blocks = last.checked_add(1)?;
    (block > 0).then(|| Size {
        bytes: ByteCount::of_blocks(blocks, u64::from(block)),
        block,
    })
}

#[cfg(test)]
mod tests;
