//! Logical units as the web UI of PureBoot lists them, whatever target they belong to.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Serialize;
use storage_domain::{Backend, ByteCount, IscsiTarget, Lun};
use uuid::{Builder, Uuid};

use super::timestamp;

/// Bytes of what the UI calls a GB, which is the unit in which targets are made.
const GIB: u64 = 1 << 30;

/// A logical unit that the last test of a backend saw.
#[derive(Debug, Serialize)]
pub(crate) struct LogicalUnitDto<'a> {
    id: Uuid,
    name: String,
    size_gb: u64,
    target_id: String,
    target_name: &'a str,
    lun_number: u64,
    iqn: &'a str,
    purpose: &'static str,
    status: &'static str,
    error_message: Option<&'static str>,
    assigned_node_id: Option<&'static str>,
    assigned_node_name: Option<&'static str>,
    chap_enabled: bool,
    created_at: String,
    updated_at: String,
}

impl<'a> LogicalUnitDto<'a> {
    /// Shows every unit of a backend's targets.
    pub(crate) fn all(backend: &'a Backend, targets: &'a [IscsiTarget]) -> impl Iterator<Item = Self> {
        let units = |target: &'a IscsiTarget| target.luns.iter().flatten().map(move |lun| (target, lun));
        targets
            .iter()
            .flat_map(units)
            .map(|(target, lun)| Self::one(backend, target, lun))
    }

    fn one(backend: &'a Backend, target: &'a IscsiTarget, lun: &Lun) -> Self {
        let chap = backend.config.shown().get("chap_enabled").cloned();
        Self {
            id: unit_id(backend, target, lun),
            name: format!("LUN {}", lun.number),
            size_gb: lun.size.map_or(0, ByteCount::get).div_ceil(GIB),
            target_id: backend.id.to_string(),
            target_name: backend.name.as_str(),
            lun_number: lun.number,
            iqn: &target.name,
            purpose: "install_source",
            status: if lun.ready { "ready" } else { "error" },
            error_message: (!lun.ready).then_some("The unit takes no commands that read blocks now"),
            assigned_node_id: None,
            assigned_node_name: None,
            chap_enabled: chap.is_some_and(|chap| chap == true),
            created_at: timestamp(backend.created_at),
            updated_at: timestamp(backend.updated_at),
        }
    }
}

/// Returns a UUID of version 5, the same in every list: SHA-1 over the backend's id, the target's name and the number.
fn unit_id(backend: &Backend, target: &IscsiTarget, lun: &Lun) -> Uuid {
    let name = format!("{} {}", target.name, lun.number);
    let input = [backend.id.as_uuid().as_bytes().as_slice(), name.as_bytes()].concat();
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &input);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}
