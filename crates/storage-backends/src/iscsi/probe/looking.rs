//! The checks `luns` and `capacity`: what is in the targets that let us in.

use futures_util::StreamExt as _;
use futures_util::stream;
use storage_domain::{ByteCount, Lun};

use crate::checks::{Checks, Stopped};
use crate::iscsi::inspect::{self, Unit};
use crate::iscsi::limits::PARALLEL;
use crate::iscsi::scsi::Address;
use crate::iscsi::session::Session;

/// A target that let us in, and what was seen in it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) session: Session,
    units: Option<Vec<Unit>>,
}

impl Seen {
    pub(crate) fn new(target: String, session: Session) -> Self {
        Self {
            target,
            session,
            units: None,
        }
    }

    /// Its logical units, where they could be read.
    pub(crate) fn luns(&self) -> Option<Vec<Lun>> {
        let units = self.units.as_ref()?;
        Some(units.iter().map(|unit| unit.lun.clone()).collect())
    }

    /// Lists the units; why they, or some of them, can't be read is told.
    async fn list(&mut self) -> Option<String> {
        let trouble = match inspect::units(&mut self.session).await {
            Ok(found) => {
                self.units = Some(found.units);
                found.trouble?
            }
            Err(failure) => failure.to_string(),
        };
        Some(format!("{}: {trouble}", self.target))
    }

    /// Measures every unit that is ready; the first that does not tell its size is told.
    async fn measure(&mut self) -> Option<String> {
        let mut ready: Vec<&mut Unit> = self
            .units
            .iter_mut()
            .flatten()
            .filter(|unit| unit.lun.ready)
            .collect();
        let addresses: Vec<Address> = ready.iter().map(|unit| unit.address).collect();
        let sizes = match inspect::sizes(&mut self.session, &addresses).await {
            Ok(sizes) => sizes,
            Err(failure) => return Some(format!("{}: {failure}", self.target)),
        };
        let mut untold = None;
        for (unit, size) in ready.iter_mut().zip(sizes) {
            match size {
                Ok(size) => {
                    unit.lun.size = Some(size.bytes);
                    unit.lun.block_size = Some(size.block);
                }
                Err(failure) => {
                    let number = unit.lun.number;
                    untold = untold.or_else(|| Some(format!("LUN {number} of {}: {failure}", self.target)));
                }
            }
        }
        untold
    }
}

/// Makes the two checks.
pub(crate) async fn look(checks: &mut Checks, seen: &mut [Seen]) -> Result<(), Stopped> {
    let lists: Vec<_> = seen.iter_mut().map(Seen::list).collect();
    let failures: Vec<_> = stream::iter(lists).buffered(PARALLEL).collect().await;
    list(checks, seen, failures.into_iter().flatten().next())?;
    let sizes: Vec<_> = seen.iter_mut().map(Seen::measure).collect();
    let untold: Vec<_> = stream::iter(sizes).buffered(PARALLEL).collect().await;
    measure(checks, seen, untold.into_iter().flatten().next())
}

fn list(checks: &mut Checks, seen: &[Seen], trouble: Option<String>) -> Result<(), Stopped> {
    let units = || {
        seen.iter()
            .flat_map(|one| one.units.iter().flatten().map(move |unit| (one, unit)))
    };
    let ready = units().filter(|(_, unit)| unit.lun.ready).count();
    let not_ready = units().find_map(|(one, unit)| {
        let why = unit.not_ready.as_ref()?;
        Some(format!(
            "LUN {} of {} is not ready: {why}",
            unit.lun.number, one.target
        ))
    });
    let trouble = trouble.or(not_ready);
    match (ready, trouble) {
        (0, Some(trouble)) => Err(checks.failed(&trouble)),
        (0, None) => Err(checks.failed(
            "The target has no disk for this initiator: give it a logical unit, and see that its access list shows it",
        )),
        (ready, trouble) => {
            checks.passed(noted(format!("{} found", disks(ready)), trouble));
            Ok(())
        }
    }
}

fn measure(checks: &mut Checks, seen: &[Seen], trouble: Option<String>) -> Result<(), Stopped> {
    let sizes = seen
        .iter()
        .filter_map(Seen::luns)
        .flatten()
        .filter_map(|lun| lun.size);
    let (count, bytes) = sizes.fold((0, 0_u64), |(count, bytes), size| {
        (count + 1, bytes.saturating_add(size.get()))
    });
    match (count, trouble) {
        (0, Some(trouble)) => Err(checks.failed(&trouble)),
        (count, trouble) => {
            let bytes = ByteCount::saturating(bytes);
            checks.passed(noted(format!("{bytes} in {}", disks(count)), trouble));
            Ok(())
        }
    }
}

fn disks(count: usize) -> String {
    match count {
        1 => "1 logical unit".to_owned(),
        count => format!("{count} logical units"),
    }
}

fn noted(text: String, trouble: Option<String>) -> String {
    match trouble {
        Some(trouble) => format!("{text}; {trouble}"),
        None => text,
    }
}
