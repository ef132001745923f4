//! Protocol data units (RFC 7143, section 11): header, data segment and digests.

use bytes::{BufMut as _, BytesMut};
use crc::{CRC_32_ISCSI, Crc};

/// The length of the basic header segment (RFC 7143, section 11.2.1).
pub const BHS: usize = 48;
/// The longest data segment that is accepted, which the login declares as `MaxRecvDataSegmentLength`.
pub const MAX_SEGMENT: usize = 64 * 1024;
/// The reserved task tag, of no task (RFC 7143, section 11.2.1.8).
pub const NO_TAG: u32 = u32::MAX;

const DIGEST: usize = 4;
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// The operation codes (RFC 7143, section 11.2.1.2).
pub mod opcode {
    /// NOP-Out, from the initiator.
    pub const NOP_OUT: u8 = 0x00;
    /// SCSI command.
    pub const SCSI_COMMAND: u8 = 0x01;
    /// Login request.
    pub const LOGIN_REQUEST: u8 = 0x03;
    /// Text request.
    pub const TEXT_REQUEST: u8 = 0x04;
    /// Logout request.
    pub const LOGOUT_REQUEST: u8 = 0x06;
    /// NOP-In, from the target.
    pub const NOP_IN: u8 = 0x20;
    /// SCSI response.
    pub const SCSI_RESPONSE: u8 = 0x21;
    /// Login response.
    pub const LOGIN_RESPONSE: u8 = 0x23;
    /// Text response.
    pub const TEXT_RESPONSE: u8 = 0x24;
    /// SCSI Data-In.
    pub const DATA_IN: u8 = 0x25;
    /// Logout response.
    pub const LOGOUT_RESPONSE: u8 = 0x26;
    /// Asynchronous message.
    pub const ASYNC_MESSAGE: u8 = 0x32;
    /// Reject.
    pub const REJECT: u8 = 0x3f;
    /// Marks a request for immediate delivery.
    pub const IMMEDIATE: u8 = 0x40;
}

/// Which parts of a PDU a CRC32C follows (RFC 7143, section 13.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digests {
    /// The header.
    pub header: bool,
    /// The data segment.
    pub data: bool,
}

/// Why bytes are not a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PduError {
    /// The operation code is not one of a target.
    #[error("it has the operation code {0:#04x}, which no target sends")]
    Opcode(u8),
    /// The data segment is longer than what was declared.
    #[error("its data segment of {0} bytes is longer than the {MAX_SEGMENT} that were declared")]
    TooLong(usize),
    /// The header's digest does not fit.
    #[error("the digest of its header is wrong: something between here and the target changes data")]
    HeaderDigest,
    /// The data segment's digest does not fit.
    #[error("the digest of its data is wrong: something between here and the target changes data")]
    DataDigest,
}

/// A PDU, without additional header segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    bhs: [u8; BHS],
    data: Vec<u8>,
}

impl Pdu {
    /// Creates a PDU whose header holds nothing but this operation code.
    pub fn new(opcode: u8) -> Self {
        let mut bhs = [0; BHS];
        bhs[0] = opcode;
        Self {
            bhs,
            data: Vec::new(),
        }
    }

    /// Sets the data segment.
    #[must_use]
    pub fn with_data(mut self, data: Vec<u8>) -> Self {
        self.data = data;
        self
    }

    /// Returns the operation code, without the immediate bit.
    pub fn opcode(&self) -> u8 {
        self.bhs[0] & 0x3f
    }

    /// Returns the data segment, without padding.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Returns one byte of the header, and 0 past its end.
    pub fn byte(&self, at: usize) -> u8 {
        self.bhs.get(at).copied().unwrap_or(0)
    }

    /// Returns four bytes of the header as a number.
    pub fn number(&self, at: usize) -> u32 {
        (at..at + 4).fold(0, |number, at| number << 8 | u32::from(self.byte(at)))
    }

    /// Writes bytes into the header, up to its end.
    #[must_use]
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        for (place, byte) in self.bhs.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
        self
    }

    /// Writes a number into the header.
    #[must_use]
    pub fn put_number(self, at: usize, number: u32) -> Self {
        self.put(at, &number.to_be_bytes())
    }

    /// Appends the PDU to `out`: header, header digest, data segment with padding, data digest.
    pub fn encode(&self, digests: Digests, out: &mut BytesMut) {
        let mut bhs = self.bhs;
        // DataSegmentLength has 24 bits (section 11.2.1.6); what is sent here is far shorter.
        let length = u32::try_from(self.data.len()).unwrap_or(u32::MAX).to_be_bytes();
        bhs[5..8].copy_from_slice(&length[1..]);
        out.put_slice(&bhs);
        if digests.header {
            out.put_u32_le(CRC32C.checksum(&bhs));
        }
        if self.data.is_empty() {
            return;
        }
        let begin = out.len();
        out.put_slice(&self.data);
        out.put_bytes(0, padding(self.data.len()));
        if digests.data {
            let crc = CRC32C.checksum(&out[begin..]);
            out.put_u32_le(crc);
        }
    }

    /// Reads a target's PDU at the beginning of `bytes`.
    ///
    /// Returns it with its length, or `None` if bytes are missing. Lengths are checked before anything is allocated.
    ///
    /// # Errors
    /// [`PduError`], as soon as the header is there.
    pub fn decode(bytes: &[u8], digests: Digests) -> Result<Option<(Self, usize)>, PduError> {
        let Some(bhs) = bytes.first_chunk::<BHS>() else {
            return Ok(None);
        };
        let frame = Frame::of(bhs, digests)?;
        if digests.header && bytes.len() >= frame.data {
            let (header, crc) = bytes[..frame.data].split_at(frame.data - DIGEST);
            if crc != CRC32C.checksum(header).to_le_bytes() {
                return Err(PduError::HeaderDigest);
            }
        }
        let Some(bytes) = bytes.get(..frame.end) else {
            return Ok(None);
        };
        let segment = &bytes[frame.data..frame.data + frame.length];
        if digests.data && frame.length > 0 {
            let (padded, crc) = bytes[frame.data..].split_at(frame.end - frame.data - DIGEST);
            if crc != CRC32C.checksum(padded).to_le_bytes() {
                return Err(PduError::DataDigest);
            }
        }
        let pdu = Self {
            bhs: *bhs,
            data: segment.to_vec(),
        };
        Ok(Some((pdu, frame.end)))
    }
}

/// The offsets of the parts of a PDU.
struct Frame {
    /// Where the data segment begins.
    data: usize,
    /// How long it is without padding.
    length: usize,
    /// Where the PDU ends.
    end: usize,
}

impl Frame {
    fn of(bhs: &[u8; BHS], digests: Digests) -> Result<Self, PduError> {
        let code = bhs[0] & 0x3f;
        if !matches!(code, 0x20..=0x26 | 0x31 | 0x32 | 0x3c..=0x3f) {
            return Err(PduError::Opcode(code));
        }
        // TotalAHSLength counts words of four bytes, so that it is at most 1,020 bytes (section 11.2.1.5).
        let additional = usize::from(bhs[4]) * 4;
        let length = usize::from(bhs[5]) << 16 | usize::from(bhs[6]) << 8 | usize::from(bhs[7]);
        if length > MAX_SEGMENT {
            return Err(PduError::TooLong(length));
        }
        let data = BHS + additional + if digests.header { DIGEST } else { 0 };
        let digest = if digests.data && length > 0 { DIGEST } else { 0 };
        let end = data + length + padding(length) + digest;
        Ok(Self { data, length, end })
    }
}

/// Returns the padding of a segment to words of four bytes (RFC 7143, section 11.1).
fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

#[cfg(test)]
mod tests;
