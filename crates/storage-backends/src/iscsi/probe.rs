//! The checks of a portal and its targets.

mod looking;
mod words;

use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use storage_domain::iscsi::{InitiatorName, Iqn};
use storage_domain::{HostAddr, IscsiConfig, IscsiTarget};

use crate::checks::{Checks, Stopped};
use crate::iscsi::connection::Connection;
use crate::iscsi::credentials;
use crate::iscsi::failure::Failure;
use crate::iscsi::limits::{Limits, MAX_SESSIONS, PARALLEL};
use crate::iscsi::portal::{Initiator, Opened};
use crate::iscsi::text::Address;
use crate::net::{Network, Permitted};
use looking::Seen;

/// The names of the checks, in the order in which they run. Every report has all of them.
pub(crate) const NAMES: [&str; 6] = ["resolve", "connect", "discover", "login", "luns", "capacity"];

/// How many other addresses of a target are tried.
const MAX_OTHERS: usize = 2;

/// One probe.
#[derive(Debug)]
pub(crate) struct Probe<'a> {
    config: &'a IscsiConfig,
    initiator: Initiator<'a>,
}

/// The targets to log in to, and whether discovery named them.
struct Wanted {
    targets: Vec<IscsiTarget>,
    /// What discovery named, where it was allowed.
    offered: Option<Vec<String>>,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(
        config: &'a IscsiConfig,
        name: &'a InitiatorName,
        limits: &'a Limits,
        network: &'a Network,
    ) -> Self {
        Self {
            config,
            initiator: Initiator::new(name, limits, network),
        }
    }

    /// Makes all checks; what was seen goes into `found`.
    pub(crate) async fn check_all(
        &self,
        checks: &mut Checks,
        found: &mut Vec<IscsiTarget>,
    ) -> Result<(), Stopped> {
        let addresses = self.resolve(checks).await?;
        let connection = self.initiator.connect(&addresses).await;
        let connection = connection.map_err(|failure| checks.failed(&failure))?;
        checks.passed(format!("Connected to {}", connection.at()));
        let wanted = self.discover(checks, connection).await?;
        found.clone_from(&wanted.targets);
        let mut seen = self.log_in(checks, &addresses, wanted).await?;
        let looked = looking::look(checks, &mut seen).await;
        for one in &seen {
            if let Some(target) = found.iter_mut().find(|target| target.name == one.target) {
                target.luns = one.luns();
            }
        }
        join_all(seen.into_iter().map(|one| one.session.close())).await;
        looked
    }

    async fn resolve(&self, checks: &mut Checks) -> Result<Vec<Permitted>, Stopped> {
        let portal = Address {
            host: self.config.target.clone(),
            port: self.config.port.get(),
        };
        let addresses = self.initiator.resolve(&portal).await;
        let addresses = addresses.map_err(|failure| checks.failed(&failure))?;
        let ips = addresses.iter().map(|address| address.addr().ip().to_string());
        let list: Vec<String> = ips.collect();
        let list = list.join(", ");
        checks.passed(match portal.host.addr() {
            HostAddr::Name(name) => format!("{name} is {list}"),
            HostAddr::V4(_) | HostAddr::V6(..) => format!("{list} is an address already"),
        });
        Ok(addresses)
    }

    async fn discover(&self, checks: &mut Checks, connection: Connection) -> Result<Wanted, Stopped> {
        let chap = credentials::of_discovery(self.config);
        let chap = chap.map_err(|failure| checks.failed(&failure))?;
        let discovered = self.initiator.discover(connection, chap).await;
        let iqn = self.config.iqn.as_ref().map(Iqn::as_str);
        match (discovered, iqn) {
            (Ok(targets), None) if targets.is_empty() => {
                Err(checks.failed(&words::nothing_offered(self.initiator.name)))
            }
            (Ok(targets), None) => {
                checks.passed(words::offered(&targets));
                let offered = words::names(&targets);
                Ok(Wanted {
                    targets,
                    offered: Some(offered),
                })
            }
            (Ok(targets), Some(iqn)) => {
                let offered = words::names(&targets);
                let here = targets
                    .into_iter()
                    .find(|target| target.name.eq_ignore_ascii_case(iqn));
                checks.passed(words::chosen(iqn, here.is_some(), &offered));
                let targets = vec![here.unwrap_or_else(|| unseen(iqn))];
                Ok(Wanted {
                    targets,
                    offered: Some(offered),
                })
            }
            // A portal may keep its list to itself; the target is known without it.
            (Err(Failure::Login(status)), Some(iqn)) if status.is_refusal() => {
                checks.skipped(words::not_discovered(iqn, &status.sentence()));
                Ok(Wanted {
                    targets: vec![unseen(iqn)],
                    offered: None,
                })
            }
            (Err(failure), _) => Err(checks.failed(&failure)),
        }
    }

    async fn log_in(
        &self,
        checks: &mut Checks,
        addresses: &[Permitted],
        wanted: Wanted,
    ) -> Result<Vec<Seen>, Stopped> {
        let all = wanted.targets.len();
        let (mut opened, mut failures) = (Vec::new(), Vec::new());
        let targets = wanted.targets.iter().take(MAX_SESSIONS);
        let logins: Vec<_> = targets.map(|target| self.open(addresses, target)).collect();
        let mut logins = pin!(stream::iter(logins).buffered(PARALLEL));
        let mut targets = wanted.targets.iter();
        while let (Some(login), Some(target)) = (logins.next().await, targets.next()) {
            match login {
                Ok(session) => opened.push((target.name.clone(), session)),
                Err(failure) => failures.push(failure),
            }
        }
        if opened.is_empty() {
            let first = failures.first();
            let name = self.initiator.name;
            let sentence = words::not_in(first, self.config, name, wanted.offered.as_deref());
            return Err(checks.failed(&sentence));
        }
        checks.passed(words::logged_in(&opened, all, &failures));
        Ok(opened
            .into_iter()
            .map(|(target, opened)| Seen::new(target, opened.session))
            .collect())
    }

    /// Opens a session at the portal, or at another address of the target where the portal does not know it; LIO says
    /// that such a target is out of service.
    async fn open(&self, addresses: &[Permitted], target: &IscsiTarget) -> Result<Opened, Failure> {
        let chap = credentials::of_session(self.config)?;
        let connection = self.initiator.connect(addresses).await?;
        let first = self.initiator.open(connection, Some(&target.name), chap).await;
        let Err(failure) = first else { return first };
        let others = target
            .portals
            .iter()
            .filter_map(|portal| portal.parse::<Address>().ok());
        let others = others.filter(|other| words::is_elsewhere(other, addresses));
        let is_not_here = failure.is_not_found() || failure.is_out_of_service();
        for other in others.take(MAX_OTHERS).filter(|_| is_not_here) {
            let Ok(connection) = self.initiator.dial(&other).await else {
                continue;
            };
            let opened = self.initiator.open(connection, Some(&target.name), chap).await;
            if opened.is_ok() {
                return opened;
            }
        }
        Err(failure)
    }
}

/// A target that discovery did not name.
fn unseen(iqn: &str) -> IscsiTarget {
    IscsiTarget {
        name: iqn.to_owned(),
        portals: Vec::new(),
        luns: None,
    }
}
