//! What a block storage portal offers: targets and their logical units.

use serde::Serialize;

use crate::capacity::ByteCount;

/// A target, as its portal's discovery names it, with what a session saw in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IscsiTarget {
    /// The target's name.
    pub name: String,
    /// Where the target can be reached, as the portal told it: `10.0.0.5:3260,1`.
    pub portals: Vec<String>,
    /// Its logical units that hold blocks; `None` where no session could be opened.
    pub luns: Option<Vec<Lun>>,
}

impl IscsiTarget {
    /// What the logical units whose capacity is known hold together.
    pub fn capacity(&self) -> ByteCount {
        let luns = self.luns.iter().flatten();
        let sizes = luns.filter_map(|lun| lun.size.map(ByteCount::get));
        ByteCount::saturating(sizes.fold(0, u64::saturating_add))
    }
}

/// What kind of blocks a logical unit holds (SPC-4, section 6.4.2, the peripheral device type).
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
    /// What it is.
    pub kind: LunKind,
    /// How much it holds, where it says so.
    pub size: Option<ByteCount>,
    /// How many bytes a block has, where it says so.
    pub block_size: Option<u32>,
    /// Who made it.
    pub vendor: String,
    /// What its maker calls it.
    pub product: String,
    /// Its serial number, where it has one.
    pub serial: Option<String>,
    /// Whether it takes commands that read blocks now.
    pub ready: bool,
}
