//! SCSI commands that inspect a logical unit, and their responses (SPC-4, SBC-3, SAM-5).

mod data;

pub use data::{Capacity, DeviceType, Lun, LunList, Unit};
pub(crate) use data::{capacity_10, capacity_16, luns, unit};

use crate::error::{Cause, Error, Exchange};
use crate::status::{
    BUSY, CHECK_CONDITION, GOOD, ILLEGAL_REQUEST, Sense, Status, TASK_SET_FULL, UNIT_ATTENTION,
};

/// A command: its descriptor block, how many bytes it reads at most, and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) cdb: [u8; 16],
    pub(crate) length: u32,
    pub(crate) name: &'static str,
}

impl Command {
    fn new(name: &'static str, head: &[u8], length: u32) -> Self {
        let mut cdb = [0; 16];
        cdb[..head.len()].copy_from_slice(head);
        Self { cdb, length, name }
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
    pub(crate) fn serial_number() -> Self {
        const LENGTH: u8 = 255;
        let cdb = [0x12, 1, 0x80, 0, LENGTH, 0];
        Self::new("INQUIRY of the serial number", &cdb, u32::from(LENGTH))
    }

    /// SPC-4, section 6.33.
    pub(crate) fn report_luns(max: usize) -> Self {
        let length = max.saturating_mul(8).saturating_add(8);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
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

/// The response to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    status: Status,
    data: Vec<u8>,
}

impl Response {
    /// `segment` is the data segment of the response: a length, and sense data (RFC 7143, section 11.4.7).
    pub(crate) fn new(code: u8, data: Vec<u8>, segment: &[u8]) -> Self {
        let sense = segment.get(2..).and_then(Sense::read);
        Self {
            status: Status { code, sense },
            data,
        }
    }

    /// Returns the data of a command that was carried out.
    pub(crate) fn data(&self) -> Result<&[u8], Cause> {
        if self.status.code == GOOD {
            Ok(&self.data)
        } else {
            Err(Cause::Status(self.status))
        }
    }

    /// Returns what `parse` reads in the data of `command`.
    pub(crate) fn value<T>(
        &self,
        command: &Command,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let value = self.data().and_then(|data| parse(data).ok_or(Cause::NoValue));
        value.map_err(|cause| cause.during(Exchange::Command(command.name)))
    }

    /// Whether the unit reports an event such as a reset, and wants the command again (SAM-5, section 5.14).
    pub(crate) fn has_attention(&self) -> bool {
        self.has_key(UNIT_ATTENTION)
    }

    /// Whether the unit may take the command a little later.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.status.code, BUSY | TASK_SET_FULL)
    }

    /// Whether the unit does not know the command.
    pub(crate) fn is_unknown(&self) -> bool {
        self.has_key(ILLEGAL_REQUEST)
    }

    fn has_key(&self, key: u8) -> bool {
        self.status.code == CHECK_CONDITION && self.status.sense.is_some_and(|sense| sense.key == key)
    }
}

#[cfg(test)]
mod tests;
