//! iSCSI portals: the checks of their targets and logical units, without reading or writing a block.
//!
//! The crate `iscsi-initiator` has the protocol. It needs no kernel module and no daemon, so a container without any
//! privilege can test a target.

mod credentials;
mod discover;
mod messages;
mod portal;
mod probe;
mod units;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use storage_domain::iscsi::InitiatorName;
use storage_domain::{BackendKind, IscsiConfig, IscsiTarget, ProbeReport};

use crate::backend::{Backend, Kind, Luns, Setup};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::net::Network;
use crate::probe::FailedCheck;
use crate::settings::Settings;

pub use discover::discover;

/// How many times one login follows a target that has moved.
pub const MAX_REDIRECTS: usize = 3;

/// How many targets a probe works on at once.
const PARALLEL: usize = 8;

/// The deadlines and bounds of an [`IscsiBackend`]. The defaults fit servers of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long looking up the portal's name may take.
    pub resolve: Duration,
    /// How long connecting may take, for all of the name's addresses together.
    pub connect: Duration,
    /// The deadlines and bounds of one session.
    pub session: iscsi_initiator::Limits,
    /// How long a probe may take.
    pub probe: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            session: iscsi_initiator::Limits::default(),
            probe: Duration::from_secs(45),
        }
    }
}

/// A portal, with one target or all that it offers.
///
/// A probe reports the checks `resolve`, `connect`, `discover`, `login`, `luns` and `capacity`, always all of them in this
/// order. Without `iqn`, it logs in to every target of the discovery, and passes if one of them admits it.
pub struct IscsiBackend {
    config: IscsiConfig,
    initiator: InitiatorName,
    limits: Limits,
    network: Network,
}

impl IscsiBackend {
    /// Creates the backend of a config, within these bounds.
    pub fn new(config: IscsiConfig, settings: &Settings, limits: Limits) -> Self {
        Self {
            config,
            initiator: settings.initiator.clone(),
            limits,
            network: settings.network.clone(),
        }
    }
}

impl Kind for IscsiBackend {
    type Config = IscsiConfig;

    fn open(config: &IscsiConfig, setup: &Setup<'_>) -> Result<Self, Error> {
        Ok(Self::new(config.clone(), setup.settings, Limits::default()))
    }
}

#[async_trait]
impl Backend for IscsiBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Iscsi
    }

    /// # Cancel safety
    /// Open sessions log out in the background, within [`iscsi_initiator::Limits::logout`].
    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        probe::probe(self, cx).await
    }

    fn as_luns(&self) -> Option<&dyn Luns> {
        Some(self)
    }
}

#[async_trait]
impl Luns for IscsiBackend {
    async fn luns(&self, cx: &OpContext) -> Result<Vec<IscsiTarget>, Error> {
        let report = self.probe(cx).await?;
        let failed = report.first_failure().cloned();
        let targets = report.targets.unwrap_or_default();
        // Units that are not ready, or whose size is unknown, are listed too.
        let has_units = targets
            .iter()
            .any(|target| target.luns.iter().flatten().next().is_some());
        match failed {
            Some(check) if !has_units => {
                Err(Error::new(ErrorKind::Server, "the request").with_source(FailedCheck(check)))
            }
            _ => Ok(targets),
        }
    }
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
