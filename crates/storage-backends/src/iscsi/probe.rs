//! The checks of a portal and its targets.

use std::net::{IpAddr, SocketAddr};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use storage_domain::iscsi::{Iqn, Portal};
use storage_domain::{ByteCount, Capacity, HostAddr, IscsiConfig, IscsiTarget, ProbeReport};

use super::messages::{Failure, Finding, LoggedIn, Names, Summary};
use super::portal::{Client, Connection, Opened};
use super::units::{self, Target};
use super::{IscsiBackend, PARALLEL, credentials};
use crate::context::OpContext;
use crate::error::Error;
use crate::net::Permitted;
use crate::probe::{Checks, Stopped};

/// The names of the checks, in the order in which they run. Every report has all of them.
const NAMES: [&str; 6] = ["resolve", "connect", "discover", "login", "luns", "capacity"];
/// How many targets of one portal a probe logs in to.
const MAX_SESSIONS: usize = 64;

/// Makes all checks.
pub(crate) async fn probe(backend: &IscsiBackend, cx: &OpContext) -> Result<ProbeReport, Error> {
    let Portal { host, port } = portal(&backend.config);
    let server = format!("iscsi://{}:{}", host.bare(), port.get());
    let _permit = backend.network.probe_permit(server, cx).await?;
    let mut targets = Vec::new();
    let probe = Probe {
        config: &backend.config,
        client: Client::new(&backend.initiator, &backend.limits, &backend.network),
    };
    let step = cx.step(backend.limits.probe);
    let all = async |checks: &mut Checks| probe.check_all(checks, &mut targets).await;
    let checks = Checks::run(&NAMES, "target", &step, all).await?;
    let summary = summary(&targets);
    let mut report = ProbeReport {
        targets: Some(targets),
        ..checks.report(summary)
    };
    if report.passed() {
        report.capacity = report.targets.as_deref().map(capacity);
    }
    Ok(report)
}

struct Probe<'a> {
    config: &'a IscsiConfig,
    client: Client<'a>,
}

/// The targets to log in to.
struct Wanted {
    targets: Vec<IscsiTarget>,
    /// The targets that the portal offers, if it was asked.
    offered: Option<Names>,
}

impl Probe<'_> {
    /// Makes all checks; the targets that were seen go into `found`.
    async fn check_all(&self, checks: &mut Checks, found: &mut Vec<IscsiTarget>) -> Result<(), Stopped> {
        let addresses = self.resolve(checks).await?;
        let connection = self.client.connect(&addresses).await;
        let connection = connection.map_err(|failure| checks.failed(&failure))?;
        checks.passed(Finding::Connected(connection.at));
        let wanted = self.discover(checks, connection).await?;
        found.clone_from(&wanted.targets);
        let mut targets = self.log_in(checks, &addresses, wanted).await?;
        let inspected = inspect(checks, &mut targets).await;
        for target in &targets {
            if let Some(found) = found.iter_mut().find(|found| found.name == target.login.name()) {
                found.luns = target.luns();
            }
        }
        join_all(targets.into_iter().map(|target| target.session.log_out())).await;
        inspected
    }

    async fn resolve(&self, checks: &mut Checks) -> Result<Vec<Permitted>, Stopped> {
        let portal = portal(self.config);
        let addresses = self.client.resolve(&portal).await;
        let addresses = addresses.map_err(|failure| checks.failed(&failure))?;
        let name = match portal.host.addr() {
            HostAddr::Name(name) => Some(name.clone()),
            HostAddr::V4(_) | HostAddr::V6(..) => None,
        };
        let ips = addresses.iter().map(ToString::to_string);
        checks.passed(Finding::Resolved {
            name,
            addresses: ips.collect(),
        });
        Ok(addresses)
    }

    async fn discover(&self, checks: &mut Checks, connection: Connection) -> Result<Wanted, Stopped> {
        let discovered = match credentials::of_discovery(self.config) {
            Ok(chap) => self.client.discover(connection, chap).await,
            Err(unusable) => Err(unusable.into()),
        };
        let targets = match (discovered, &self.config.iqn) {
            (Ok(targets), _) => targets,
            // A portal need not offer a discovery; the target is known without it.
            (Err(failure), Some(iqn)) => {
                let finding = Finding::NotDiscovered {
                    iqn: iqn.to_string(),
                    failure,
                };
                checks.skipped(finding);
                return Ok(Wanted {
                    targets: vec![unseen(iqn)],
                    offered: None,
                });
            }
            (Err(failure), None) => return Err(checks.failed(&failure)),
        };
        let offered = Names::new(targets.iter().map(|target| &*target.name));
        let Some(iqn) = &self.config.iqn else {
            if targets.is_empty() {
                return Err(checks.failed(&Finding::NothingOffered(self.client.name.clone())));
            }
            checks.passed(Finding::Offered(offered.clone()));
            return Ok(Wanted {
                targets,
                offered: Some(offered),
            });
        };
        let finding = Finding::Chosen {
            iqn: iqn.to_string(),
            offered: offered.clone(),
        };
        checks.passed(finding);
        let here = targets
            .into_iter()
            .find(|target| target.name.eq_ignore_ascii_case(iqn.as_str()));
        Ok(Wanted {
            targets: vec![here.unwrap_or_else(|| unseen(iqn))],
            offered: Some(offered),
        })
    }

    async fn log_in(
        &self,
        checks: &mut Checks,
        addresses: &[Permitted],
        wanted: Wanted,
    ) -> Result<Vec<Target>, Stopped> {
        let all = wanted.targets.len();
        let logins = wanted
            .targets
            .iter()
            .take(MAX_SESSIONS)
            .map(|target| self.open(addresses, target));
        let logins: Vec<_> = logins.collect();
        let logins: Vec<_> = stream::iter(logins).buffered(PARALLEL).collect().await;
        let (mut opened, mut failure) = (Vec::new(), None);
        for login in logins {
            match login {
                Ok(session) => opened.push(session),
                Err(other) => failure = failure.or(Some(other)),
            }
        }
        if let Some(failure) = failure.take_if(|_| opened.is_empty()) {
            return Err(checks.failed(&self.not_in(failure, wanted.offered)));
        }
        if let Some(failure) = &failure {
            checks.reserve(failure);
        }
        let finding = Finding::LoggedIn(LoggedIn {
            count: opened.len(),
            all,
            only: opened
                .first()
                .filter(|_| all == 1)
                .map(|one| (one.login.clone(), one.moved.clone())),
            failure,
            limit: MAX_SESSIONS,
        });
        checks.passed(finding);
        Ok(opened.into_iter().map(Target::new).collect())
    }

    /// Returns the finding of a login that failed for every target, with the first failure.
    fn not_in(&self, failure: Failure, offered: Option<Names>) -> Finding {
        let (not_found, out_of_service) = (failure.is_not_found(), failure.is_out_of_service());
        match (&self.config.iqn, offered) {
            (Some(iqn), Some(offered)) if (not_found || out_of_service) && !offered.contain(iqn.as_str()) => {
                Finding::NoTarget {
                    iqn: iqn.to_string(),
                    offered,
                    initiator: self.client.name.clone(),
                    out_of_service,
                }
            }
            _ => Finding::Failure(failure),
        }
    }

    /// Opens a session at the portal, or at another address of the target if the portal does not know it. LIO answers
    /// that such a target is out of service.
    async fn open(&self, addresses: &[Permitted], target: &IscsiTarget) -> Result<Opened, Failure> {
        let chap = credentials::of_session(self.config)?;
        let connection = self.client.connect(addresses).await?;
        let failure = match self.client.log_in(connection, Some(&target.name), chap).await {
            Err(failure) if failure.is_not_found() || failure.is_out_of_service() => failure,
            opened => return opened,
        };
        let portals = target.portals.iter().filter_map(|portal| portal.parse().ok());
        let elsewhere = portals.filter(|portal| is_elsewhere(portal, addresses));
        let dialled = elsewhere.map(async |portal: Portal| (self.client.dial(&portal).await, portal));
        // The portals that can be reached come first, whatever their order in the list.
        let mut dialled = stream::iter(dialled.collect::<Vec<_>>()).buffer_unordered(PARALLEL);
        let mut others = Vec::new();
        while let Some((connection, portal)) = dialled.next().await {
            let opened = match connection {
                Ok(connection) => self.client.log_in(connection, Some(&target.name), chap).await,
                Err(failure) => Err(failure),
            };
            match opened {
                Ok(opened) => return Ok(opened),
                Err(failure) => others.push((portal, failure)),
            }
        }
        Err(failure.and_elsewhere(others))
    }
}

/// Makes the checks `luns` and `capacity`.
async fn inspect(checks: &mut Checks, targets: &mut [Target]) -> Result<(), Stopped> {
    let listed = units::list(targets).await;
    end(checks, listed)?;
    let measured = units::measure(targets).await;
    end(checks, measured)
}

fn end(checks: &mut Checks, finding: Result<Finding, Finding>) -> Result<(), Stopped> {
    let finding = finding.map_err(|finding| checks.failed(&finding))?;
    if let Some(trouble) = finding.trouble() {
        checks.reserve(trouble);
    }
    checks.passed(finding);
    Ok(())
}

/// Returns the portal that a config names.
fn portal(config: &IscsiConfig) -> Portal {
    Portal {
        host: config.target.clone(),
        port: config.port,
    }
}

/// Returns a target that the discovery did not name.
fn unseen(iqn: &Iqn) -> IscsiTarget {
    IscsiTarget {
        name: iqn.to_string(),
        portals: Vec::new(),
        luns: None,
    }
}

/// Whether an address is not one of the portal, and can be connected to.
fn is_elsewhere(other: &Portal, portal: &[Permitted]) -> bool {
    let known = |ip: IpAddr| {
        let address = SocketAddr::from((ip, other.port.get()));
        portal.iter().any(|known| known.addr() == address)
    };
    other
        .host
        .literal()
        .is_none_or(|ip| !ip.is_unspecified() && !known(ip))
}

/// Returns the capacity of block storage, which holds no files: all of it is available.
fn capacity(targets: &[IscsiTarget]) -> Capacity {
    let sizes = targets.iter().map(|target| target.capacity().get());
    let total = ByteCount::saturating(sizes.fold(0, u64::saturating_add));
    Capacity {
        used: ByteCount::default(),
        total,
        available: total,
    }
}

fn summary(targets: &[IscsiTarget]) -> Summary {
    let luns = targets.iter().filter_map(|target| target.luns.as_ref());
    Summary {
        targets: luns.clone().count(),
        units: luns.flatten().count(),
        total: capacity(targets).total,
    }
}
