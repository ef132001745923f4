//! Targets and their logical units, as they are shown.

use serde::Serialize;
use storage_domain::{ByteCount, IscsiTarget, Lun, LunKind};

/// A target.
#[derive(Debug, Serialize)]
pub(crate) struct TargetDto<'a> {
    name: &'a str,
    portals: &'a [String],
    /// Absent where no session could be opened, or none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    luns: Option<Vec<LunDto<'a>>>,
}

#[derive(Debug, Serialize)]
struct LunDto<'a> {
    number: u64,
    kind: LunKind,
    size_bytes: Option<ByteCount>,
    block_size: Option<u32>,
    vendor: &'a str,
    product: &'a str,
    serial: Option<&'a str>,
    ready: bool,
}

impl<'a> From<&'a IscsiTarget> for TargetDto<'a> {
    fn from(target: &'a IscsiTarget) -> Self {
        let luns = target.luns.as_deref();
        Self {
            name: &target.name,
            portals: &target.portals,
            luns: luns.map(|luns| luns.iter().map(LunDto::from).collect()),
        }
    }
}

impl<'a> From<&'a Lun> for LunDto<'a> {
    fn from(lun: &'a Lun) -> Self {
        Self {
            number: lun.number,
            kind: lun.kind,
            size_bytes: lun.size,
            block_size: lun.block_size,
            vendor: &lun.vendor,
            product: &lun.product,
            serial: lun.serial.as_deref(),
            ready: lun.ready,
        }
    }
}
