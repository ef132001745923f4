//! Targets of a block storage portal, and their logical units.

use serde::Serialize;

use crate::capacity::ByteCount;

/// A target from its portal's discovery, with the logical units that a session found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IscsiTarget {
    /// The target's name.
    pub name: String,
    /// The target's addresses in the portal's form: `10.0.0.5:3260,1`.
    pub portals: Vec<String>,
    /// Its logical units that hold blocks; `None` if no session could be opened.
    pub luns: Option<Vec<Lun>>,
}

impl IscsiTarget {
    /// Returns the total capacity of the logical units whose capacity is known.
    pub fn capacity(&self) -> ByteCount {
        let luns = self.luns.iter().flatten();
        let sizes = luns.filter_map(|lun| lun.size.map(ByteCount::get));
        ByteCount::saturating(sizes.fold(0, u64::saturating_add))
    }
}

/// The kind of a logical unit (SPC-4, section 6.4.2, the peripheral device type).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LunKind {
    /// A disk.
    Disk,
    /// A CD or DVD.
    Cdrom,
}

/// A logical unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lun {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub kind: LunKind,
    /// Its capacity, if it reports one.
    pub size: Option<ByteCount>,
    /// The size of its blocks in bytes, if it reports one.
    pub block_size: Option<u32>,
    /// Its vendor.
    pub vendor: String,
    /// Its product name.
    pub product: String,
    /// Its serial number, if it has one.
    pub serial: Option<String>,
    /// Whether it accepts commands that read blocks.
    pub ready: bool,
}
