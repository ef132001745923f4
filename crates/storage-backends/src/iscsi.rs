//! iSCSI portals, seen by an initiator of our own: discovery and inspection, never reading or writing a block.
//!
//! The protocol is that of RFC 7143; the commands are those of SPC-4 and SBC-3. No kernel module and no daemon takes
//! part, so that a container without any privilege can test a target.

use std::fmt;
use std::time::Instant;

use async_trait::async_trait;
use storage_domain::iscsi::InitiatorName;
use storage_domain::{BackendKind, ByteCount, Capacity, IscsiConfig, IscsiTarget, ProbeReport};

use crate::backend::{Backend, Luns};
use crate::checks::Checks;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::net::Network;
use crate::registry::Settings;

pub mod chap;
mod connection;
mod credentials;
mod failure;
mod inspect;
mod limits;
mod login;
pub mod pdu;
mod portal;
mod probe;
mod scsi;
mod session;
pub mod text;

pub use limits::{Limits, MAX_LUNS, MAX_REDIRECTS, MAX_SESSIONS};
use portal::Initiator;
use probe::Probe;
use text::Address;

/// A portal, with one target or all that it offers.
///
/// A probe reports the checks `resolve`, `connect`, `discover`, `login`, `luns` and `capacity`, always in this order and
/// always all of them. Where `iqn` is not set, every target that discovery names is logged in to, and one that lets us
/// in is enough to pass.
pub struct IscsiBackend {
    config: IscsiConfig,
    initiator: InitiatorName,
    limits: Limits,
    network: Network,
}

impl IscsiBackend {
    /// The portal that the config names.
    pub fn new(config: IscsiConfig, settings: &Settings) -> Self {
        Self::with_limits(config, settings, Limits::default())
    }

    /// A portal at which other bounds than the default ones are kept.
    pub fn with_limits(config: IscsiConfig, settings: &Settings, limits: Limits) -> Self {
        Self {
            config,
            initiator: settings.initiator.clone(),
            limits,
            network: settings.network.clone(),
        }
    }
}

#[async_trait]
impl Backend for IscsiBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Iscsi
    }

    /// # Cancel safety
    /// Sessions that are open are logged out in the background, within [`Limits::logout`].
    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        let started = Instant::now();
        let mut checks = Checks::of(&probe::NAMES);
        let mut targets = Vec::new();
        let probe = Probe::new(&self.config, &self.initiator, &self.limits, &self.network);
        let step = cx.step(self.limits.probe);
        let check_all = probe.check_all(&mut checks, &mut targets);
        let ended = step.bound("the probe", check_all).await;
        let mut report = ProbeReport {
            checks: checks.settle(ended, "target")?,
            capacity: None,
            summary: summary(&targets),
            targets: Some(targets),
            mount: None,
            warnings: Vec::new(),
            duration: started.elapsed(),
        };
        if report.passed() {
            report.capacity = report.targets.as_deref().map(capacity);
        }
        Ok(report)
    }

    fn as_luns(&self) -> Option<&dyn Luns> {
        Some(self)
    }
}

#[async_trait]
impl Luns for IscsiBackend {
    async fn luns(&self, cx: &OpContext) -> Result<Vec<IscsiTarget>, Error> {
        let report = self.probe(cx).await?;
        let reason = report.message().to_owned();
        // Units that are not ready, or don't tell their size, are there all the same.
        let has_units = |target: &IscsiTarget| target.luns.as_ref().is_some_and(|luns| !luns.is_empty());
        let passed = report.passed();
        let targets = report.targets.unwrap_or_default();
        if passed || targets.iter().any(has_units) {
            return Ok(targets);
        }
        Err(Error::new(ErrorKind::Server, "the request").with_source(reason))
    }
}

/// The targets that a portal offers to an initiator of this name that asks without credentials, without their logical
/// units.
///
/// # Errors
/// [`ErrorKind::Server`], [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`].
/// # Cancel safety
/// The discovery session is logged out in the background.
pub async fn discover(
    portal: &Address,
    name: &InitiatorName,
    limits: &Limits,
    network: &Network,
    cx: &OpContext,
) -> Result<Vec<IscsiTarget>, Error> {
    let initiator = Initiator::new(name, limits, network);
    let discovery = async {
        let connection = initiator.dial(portal).await?;
        initiator.discover(connection, None).await
    };
    let discovered = cx.step(limits.probe).bound("the discovery", discovery).await?;
    discovered.map_err(|failure| Error::new(ErrorKind::Server, "the request").with_source(failure))
}

/// Block storage holds no files: all of it is there to be used.
fn capacity(targets: &[IscsiTarget]) -> Capacity {
    let sizes = targets.iter().map(|target| target.capacity().get());
    let total = ByteCount::saturating(sizes.fold(0, u64::saturating_add));
    Capacity {
        used: ByteCount::default(),
        total,
        available: total,
    }
}

fn summary(targets: &[IscsiTarget]) -> String {
    let total = capacity(targets).total;
    let luns = targets
        .iter()
        .filter_map(|target| target.luns.as_ref())
        .flatten()
        .count();
    let seen = targets.iter().filter(|target| target.luns.is_some()).count();
    let plural = |count: usize, one: &str| {
        if count == 1 {
            format!("1 {one}")
        } else {
            format!("{count} {one}s")
        }
    };
    format!(
        "{} with {} can be used, {total}",
        plural(seen, "target"),
        plural(luns, "logical unit")
    )
}

impl fmt::Debug for IscsiBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IscsiBackend")
            .field("target", &self.config.target.as_str())
            .field("port", &self.config.port.get())
            .field("iqn", &self.config.iqn)
            .finish_non_exhaustive()
    }
}
