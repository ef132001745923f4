//! The data that commands read.

use super::{Command, Response};
use crate::error::{Cause, Error};

/// The type of a device (SPC-4, section 6.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceType {
    /// A disk.
    Disk,
    /// A CD or DVD.
    Cdrom,
    /// No device, or one that holds no blocks: the first byte of its INQUIRY data.
    Other(u8),
}

/// A logical unit as INQUIRY and TEST UNIT READY describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its type.
    pub device: DeviceType,
    /// Its vendor, in printable ASCII.
    pub vendor: String,
    /// Its product name, in printable ASCII.
    pub product: String,
    /// Its serial number, in printable ASCII.
    pub serial: Option<String>,
    /// Why it takes no commands that read blocks now, if it takes none.
    pub not_ready: Option<Cause>,
}

/// Reads the responses to INQUIRY, TEST UNIT READY and the INQUIRY of the serial number.
pub(crate) fn unit([inquiry, ready, serial]: &[Response; 3]) -> Result<Unit, Error> {
    let unit = inquiry.value(&Command::inquiry(), standard_inquiry)?;
    Ok(Unit {
        serial: serial.data().ok().and_then(serial_number),
        not_ready: ready.data().err(),
        ..unit
    })
}

/// Reads standard INQUIRY data (SPC-4, section 6.6.2).
pub(super) fn standard_inquiry(data: &[u8]) -> Option<Unit> {
    let first = *data.first()?;
    let device = match first {
        0x00 => DeviceType::Disk,
        0x05 => DeviceType::Cdrom,
        other => DeviceType::Other(other),
    };
    Some(Unit {
        device,
        vendor: ascii(data.get(8..16).unwrap_or_default()),
        product: ascii(data.get(16..32).unwrap_or_default()),
        serial: None,
        not_ready: None,
    })
}

/// Reads the serial number (SPC-4, section 7.8.16).
pub(super) fn serial_number(data: &[u8]) -> Option<String> {
    if data.get(1) != Some(&0x80) {
        return None;
    }
    let (head, text) = data.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let serial = ascii(text.get(..length).unwrap_or(text));
    (!serial.is_empty()).then_some(serial)
}

/// Reads ASCII without padding and control characters (SPC-4, section 4.3.1).
pub(super) fn ascii(bytes: &[u8]) -> String {
    let printable = |byte: &u8| matches!(byte, 0x20..0x7f);
    let chars = bytes
        .iter()
        .map(|byte| if printable(byte) { char::from(*byte) } else { ' ' });
    chars.collect::<String>().trim().to_owned()
}

/// A logical unit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lun {
    /// The address that commands carry.
    pub address: [u8; 8],
    /// The number that people use.
    pub number: u64,
}

/// The logical units of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LunList {
    /// The first of them, up to [`Limits::luns`](crate::Limits::luns).
    pub luns: Vec<Lun>,
    /// How many there are.
    pub total: usize,
}

/// Reads the response to REPORT LUNS (SPC-4, section 6.33).
pub(crate) fn luns(data: &[u8], max: usize) -> LunList {
    let Some((head, list)) = data.split_first_chunk::<8>() else {
        return LunList::default();
    };
    let length = head[..4]
        .iter()
        .fold(0, |length: usize, byte| (length << 8) | usize::from(*byte));
    let list = list.get(..length).unwrap_or(list);
    let addresses = list.chunks_exact(8).filter_map(|chunk| chunk.first_chunk::<8>());
    let lun = |address: &[u8; 8]| Lun {
        address: *address,
        number: number(*address),
    };
    LunList {
        luns: addresses.take(max).map(lun).collect(),
        total: length / 8,
    }
}

/// Reads the peripheral, flat and extended flat forms (SAM-5, section 4.7.6); other addresses are numbers themselves.
pub(super) fn number(address: [u8; 8]) -> u64 {
    let byte = |at: usize| u64::from(address[at]);
    match address[0] >> 6 {
        0 if address[0] == 0 => byte(1),
        1 => ((byte(0) & 0x3f) << 8) | byte(1),
        3 if address[0] == 0xd2 => (byte(1) << 16) | (byte(2) << 8) | byte(3),
        _ => u64::from_be_bytes(address),
    }
}

/// The capacity of a logical unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// How many blocks it has.
    pub blocks: u64,
    /// How many bytes a block has, at least 1.
    pub block_size: u32,
}

impl Capacity {
    fn new(last_block: u64, block_size: u32) -> Option<Self> {
        let blocks = last_block.checked_add(1)?;
        (block_size > 0).then_some(Self { blocks, block_size })
    }

    /// Returns the number of bytes, at most `u64::MAX`.
    pub fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(u64::from(self.block_size))
    }
}

/// Reads the response to READ CAPACITY (16) (SBC-3, section 5.16.2).
pub(crate) fn capacity_16(data: &[u8]) -> Option<Capacity> {
    let last = u64::from_be_bytes(*data.first_chunk()?);
    let block_size = u32::from_be_bytes(*data.get(8..)?.first_chunk()?);
    Capacity::new(last, block_size)
}

/// Reads the response to READ CAPACITY (10) (SBC-3, section 5.15.2), whose last value means "larger".
pub(crate) fn capacity_10(data: &[u8]) -> Option<Capacity> {
    let last = u32::from_be_bytes(*data.first_chunk()?);
    let block_size = u32::from_be_bytes(*data.get(4..)?.first_chunk()?);
    if last == u32::MAX {
        return None;
    }
    Capacity::new(u64::from(last), block_size)
}
