//! Ways to a portal: looking it up, connecting, and going where a target has moved to.

use storage_domain::IscsiTarget;
use storage_domain::iscsi::InitiatorName;

use crate::iscsi::chap::{Challenges, Chap};
use crate::iscsi::connection::Connection;
use crate::iscsi::failure::Failure;
use crate::iscsi::limits::{Limits, MAX_REDIRECTS};
use crate::iscsi::login::Purpose;
use crate::iscsi::session::Session;
use crate::iscsi::text::{self, Address};
use crate::net::{Network, Permitted, connect};

/// What one probe logs in with, everywhere.
#[derive(Debug)]
pub(crate) struct Initiator<'a> {
    pub(crate) name: &'a InitiatorName,
    pub(crate) limits: &'a Limits,
    pub(crate) network: &'a Network,
    pub(crate) challenges: Challenges,
}

/// A session, and where its target had moved to.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) moved: Option<(Address, bool)>,
}

impl<'a> Initiator<'a> {
    pub(crate) fn new(name: &'a InitiatorName, limits: &'a Limits, network: &'a Network) -> Self {
        Self {
            name,
            limits,
            network,
            challenges: Challenges::default(),
        }
    }

    /// The addresses of a portal that may be connected to.
    pub(crate) async fn resolve(&self, portal: &Address) -> Result<Vec<Permitted>, Failure> {
        let host = portal.host.addr();
        let addresses = self.network.resolve(host, portal.port, self.limits.resolve).await;
        addresses.map_err(Failure::from)
    }

    pub(crate) async fn connect(&self, addresses: &[Permitted]) -> Result<Connection, Failure> {
        let stream = connect(addresses, self.limits.connect).await;
        stream.map(Connection::new).map_err(Failure::from)
    }

    /// Logs in, to where the target has moved where it has (RFC 7143, section 11.13.5, status class 1).
    pub(crate) async fn open(
        &self,
        connection: Connection,
        target: Option<&str>,
        chap: Option<Chap<'_>>,
    ) -> Result<Opened, Failure> {
        let purpose = Purpose {
            initiator: self.name.as_str(),
            target,
            chap,
            challenges: &self.challenges,
            answer: self.limits.answer,
        };
        let mut moved = None;
        let mut opened = Session::open(connection, &purpose, self.limits).await;
        for _ in 0..MAX_REDIRECTS {
            let Some((to, for_good)) = goes_on(&opened)? else {
                break;
            };
            opened = match self.dial(&to).await {
                Ok(connection) => Session::open(connection, &purpose, self.limits).await,
                Err(failure) => Err(failure),
            };
            moved = Some((to, for_good));
        }
        match (opened, moved) {
            (Ok(session), moved) => Ok(Opened { session, moved }),
            (Err(Failure::Login(status)), Some((to, _))) if status.moved().is_some() => {
                Err(Failure::TooManyMoves { to: to.to_string() })
            }
            (Err(failure), Some((to, _))) => Err(Failure::Moved {
                to: to.to_string(),
                why: failure.to_string(),
            }),
            (Err(failure), None) => Err(failure),
        }
    }

    /// Looks a portal up and connects to it.
    pub(crate) async fn dial(&self, portal: &Address) -> Result<Connection, Failure> {
        self.connect(&self.resolve(portal).await?).await
    }

    /// Asks a portal for its targets.
    pub(crate) async fn discover(
        &self,
        connection: Connection,
        chap: Option<Chap<'_>>,
    ) -> Result<Vec<IscsiTarget>, Failure> {
        let Opened { mut session, .. } = self.open(connection, None, chap).await?;
        let at = session.at().to_owned();
        let told = session.send_targets().await;
        session.close().await;
        let found = text::targets(&told?).map_err(|error| Failure::Text { at, error })?;
        let target = |found: text::Found| IscsiTarget {
            name: found.name,
            portals: found.addresses,
            luns: None,
        };
        Ok(found.into_iter().map(target).collect())
    }
}

/// Where to log in next, and whether the target has moved there for good.
fn goes_on(opened: &Result<Session, Failure>) -> Result<Option<(Address, bool)>, Failure> {
    let Err(Failure::Login(status)) = opened else {
        return Ok(None);
    };
    let Some(moved) = status.moved() else {
        return Ok(None);
    };
    let to = moved
        .to
        .and_then(|to| to.parse().ok())
        .ok_or(Failure::MovedNowhere)?;
    Ok(Some((to, moved.for_good)))
}
