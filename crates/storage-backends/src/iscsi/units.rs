//! The logical units of the targets that admit this initiator.

use std::iter;

use futures_util::StreamExt as _;
use futures_util::stream;
use iscsi_initiator::{DeviceType, Error, Session, Unit};
use storage_domain::{ByteCount, Lun, LunKind};

use super::PARALLEL;
use super::messages::{Failure, Finding, Login, Trouble};
use super::portal::Opened;

/// A session, and the units that were seen in it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) login: Login,
    pub(crate) session: Session,
    /// The units that hold blocks; `None` if they could not be read.
    disks: Option<Vec<Disk>>,
}

#[derive(Debug)]
struct Disk {
    address: iscsi_initiator::Lun,
    lun: Lun,
}

impl Target {
    pub(crate) fn new(opened: Opened) -> Self {
        Self {
            login: opened.login,
            session: opened.session,
            disks: None,
        }
    }

    /// Returns the logical units, if they could be read.
    pub(crate) fn luns(&self) -> Option<Vec<Lun>> {
        let disks = self.disks.as_ref()?;
        Some(disks.iter().map(|disk| disk.lun.clone()).collect())
    }

    /// Lists the units; returns the first trouble.
    async fn list(&mut self) -> Option<Trouble> {
        let trouble = self.try_list().await;
        trouble.unwrap_or_else(|error| Some(self.failed(error)))
    }

    async fn try_list(&mut self) -> Result<Option<Trouble>, Error> {
        let list = self.session.report_luns().await?;
        let units = self.session.inquire(&list.luns).await?;
        let (mut disks, mut failed, mut not_ready) = (Vec::new(), None, None);
        for (address, unit) in iter::zip(list.luns.iter().copied(), units) {
            match unit {
                Ok(mut unit) => {
                    let cause = unit.not_ready.take();
                    let Some(lun) = lun(address.number, unit, cause.is_none()) else {
                        continue;
                    };
                    not_ready = not_ready.or(cause.map(|cause| Trouble::NotReady {
                        lun: address.number,
                        target: self.login.name().to_owned(),
                        cause,
                    }));
                    disks.push(Disk { address, lun });
                }
                Err(error) => failed = failed.or_else(|| Some(self.unit_failed(address.number, error))),
            }
        }
        self.disks = Some(disks);
        let too_many = (list.total > list.luns.len()).then(|| Trouble::TooMany {
            target: self.login.name().to_owned(),
            units: list.total,
            limit: list.luns.len(),
        });
        Ok(failed.or(too_many).or(not_ready))
    }

    /// Reads the capacity of every unit that is ready; returns the first trouble.
    async fn measure(&mut self) -> Option<Trouble> {
        let disks = self.disks.iter_mut().flatten();
        let (addresses, ready): (Vec<_>, Vec<_>) = disks
            .filter(|disk| disk.lun.ready)
            .map(|disk| (disk.address, &mut disk.lun))
            .unzip();
        let capacities = match self.session.read_capacity(&addresses).await {
            Ok(capacities) => capacities,
            Err(error) => return Some(self.failed(error)),
        };
        let mut first = None;
        for (lun, capacity) in ready.into_iter().zip(capacities) {
            match capacity {
                Ok(capacity) => {
                    lun.size = Some(ByteCount::saturating(capacity.bytes()));
                    lun.block_size = Some(capacity.block_size);
                }
                Err(error) => first = first.or(Some((lun.number, error))),
            }
        }
        first.map(|(number, error)| self.unit_failed(number, error))
    }

    fn failed(&self, error: Error) -> Trouble {
        let login = self.login.clone();
        Trouble::Session(Failure::Exchange { login, error })
    }

    fn unit_failed(&self, lun: u64, error: Error) -> Trouble {
        let target = self.login.name().to_owned();
        Trouble::Unit { lun, target, error }
    }
}

/// Returns a unit that a client could boot from.
fn lun(number: u64, unit: Unit, ready: bool) -> Option<Lun> {
    let kind = match unit.device {
        DeviceType::Disk => LunKind::Disk,
        DeviceType::Cdrom => LunKind::Cdrom,
        DeviceType::Other(_) => return None,
    };
    Some(Lun {
        number,
        kind,
        size: None,
        block_size: None,
        vendor: unit.vendor,
        product: unit.product,
        serial: unit.serial,
        ready,
    })
}

/// Lists the units of all targets.
///
/// # Errors
/// The finding, if none is ready.
pub(crate) async fn list(targets: &mut [Target]) -> Result<Finding, Finding> {
    let lists: Vec<_> = targets.iter_mut().map(Target::list).collect();
    let trouble = first(lists).await;
    let ready = luns(targets).filter(|lun| lun.ready).count();
    match (ready, trouble) {
        (0, Some(trouble)) => Err(Finding::Trouble(trouble)),
        (0, None) => Err(Finding::NoUnits),
        (ready, trouble) => Ok(Finding::Units { ready, trouble }),
    }
}

/// Reads the capacity of all units that are ready.
///
/// # Errors
/// The finding, if no capacity can be read.
pub(crate) async fn measure(targets: &mut [Target]) -> Result<Finding, Finding> {
    let sizes: Vec<_> = targets.iter_mut().map(Target::measure).collect();
    let trouble = first(sizes).await;
    let sizes: Vec<u64> = luns(targets)
        .filter_map(|lun| lun.size)
        .map(ByteCount::get)
        .collect();
    match (sizes.len(), trouble) {
        (0, Some(trouble)) => Err(Finding::Trouble(trouble)),
        (units, trouble) => Ok(Finding::Sizes {
            bytes: ByteCount::saturating(sizes.into_iter().fold(0, u64::saturating_add)),
            units,
            trouble,
        }),
    }
}

async fn first(work: Vec<impl Future<Output = Option<Trouble>>>) -> Option<Trouble> {
    let all: Vec<_> = stream::iter(work).buffered(PARALLEL).collect().await;
    all.into_iter().flatten().next()
}

fn luns(targets: &[Target]) -> impl Iterator<Item = &Lun> {
    let disks = targets.iter().flat_map(|target| target.disks.iter().flatten());
    disks.map(|disk| &disk.lun)
}
