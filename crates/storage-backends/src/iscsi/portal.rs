//! Connections to portals, and logins that follow a target to where it has moved.

use std::net::SocketAddr;

use iscsi_initiator::{Cause, Chap, Initiator, LoginStatus, Refusal, Session};
use storage_domain::IscsiTarget;
use storage_domain::iscsi::{InitiatorName, Portal};
use tokio::net::TcpStream;

use super::messages::{Failure, Login, Moved};
use super::{Limits, MAX_REDIRECTS};
use crate::net::{Network, Permitted, connect};

/// The initiator of one probe.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub(crate) name: &'a InitiatorName,
    limits: &'a Limits,
    network: &'a Network,
    initiator: Initiator,
}

/// A connection to a portal.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) at: SocketAddr,
    /// The address, for one more connection.
    address: Vec<Permitted>,
    stream: TcpStream,
}

/// A session, its login, and where its target has moved.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) login: Login,
    pub(crate) moved: Option<Moved>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(name: &'a InitiatorName, limits: &'a Limits, network: &'a Network) -> Self {
        Self {
            name,
            limits,
            network,
            initiator: Initiator::new(name.as_str(), limits.session.clone()),
        }
    }

    /// Returns the permitted addresses of a portal.
    pub(crate) async fn resolve(&self, portal: &Portal) -> Result<Vec<Permitted>, Failure> {
        let (host, port) = (portal.host.addr(), portal.port.get());
        Ok(self.network.resolve(host, port, self.limits.resolve).await?)
    }

    pub(crate) async fn connect(&self, addresses: &[Permitted]) -> Result<Connection, Failure> {
        let stream = connect(addresses, self.limits.connect).await?;
        let at = stream.peer_addr().map_err(Failure::Lost)?;
        let address = addresses.iter().filter(|address| address.addr() == at);
        Ok(Connection {
            at,
            address: address.cloned().collect(),
            stream,
        })
    }

    /// Resolves and connects.
    pub(crate) async fn dial(&self, portal: &Portal) -> Result<Connection, Failure> {
        self.connect(&self.resolve(portal).await?).await
    }

    /// Lists the targets of a portal.
    pub(crate) async fn discover(
        &self,
        connection: Connection,
        chap: Option<Chap<'_>>,
    ) -> Result<Vec<IscsiTarget>, Failure> {
        let Opened {
            mut session, login, ..
        } = self.log_in(connection, None, chap).await?;
        let found = session.send_targets().await;
        session.log_out().await;
        let found = found.map_err(|error| Failure::Exchange { login, error })?;
        let target = |found: iscsi_initiator::Target| IscsiTarget {
            name: found.name,
            portals: found.addresses,
            luns: None,
        };
        Ok(found.into_iter().map(target).collect())
    }

    /// Opens a session, with a target or for a discovery.
    ///
    /// It logs in where the target has moved, if it has (RFC 7143, section 11.13.5, status class 1).
    pub(crate) async fn log_in(
        &self,
        mut connection: Connection,
        target: Option<&str>,
        chap: Option<Chap<'_>>,
    ) -> Result<Opened, Failure> {
        let mut moved: Option<Moved> = None;
        let mut asked = vec![connection.at];
        loop {
            let login = Login {
                at: connection.at,
                target: target.map(str::to_owned),
                initiator: self.name.clone(),
                with_chap: chap.is_some(),
            };
            let error = match self.open(connection, target, chap).await {
                Ok(session) => {
                    return Ok(Opened {
                        session,
                        login,
                        moved,
                    });
                }
                Err(error) => error,
            };
            let Cause::Refused(Refusal::Moved { to, permanent }) = error.cause else {
                return Err(Failure::Exchange { login, error }.after(moved));
            };
            let to: Portal = to.and_then(|to| to.parse().ok()).ok_or(Failure::MovedNowhere)?;
            if asked.len() > MAX_REDIRECTS {
                return Err(Failure::TooManyMoves { to });
            }
            let dialled = self.dial(&to).await;
            if dialled.as_ref().is_ok_and(|there| asked.contains(&there.at)) {
                return Err(Failure::MovedInCircle { to });
            }
            moved = Some(Moved { to, permanent });
            connection = dialled.map_err(|failure| failure.after(moved.clone()))?;
            asked.push(connection.at);
        }
    }

    /// Opens a session at this portal.
    ///
    /// Some targets without CHAP close a connection whose login begins at the security stage. If there are no
    /// credentials, the login is tried once more from the operational stage.
    async fn open(
        &self,
        connection: Connection,
        target: Option<&str>,
        chap: Option<Chap<'_>>,
    ) -> Result<Session, iscsi_initiator::Error> {
        let opened = self.initiator.log_in(connection.stream, target, chap).await;
        let error = match opened {
            Err(error) if chap.is_none() && may_skip_security(&error.cause) => error,
            opened => return opened,
        };
        let Ok(again) = self.connect(&connection.address).await else {
            return Err(error);
        };
        let opened = self.initiator.log_in_unauthenticated(again.stream, target).await;
        opened.map_err(|_| error)
    }
}

/// Whether a target may have failed only because the login began at the security stage.
fn may_skip_security(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Closed | Cause::Rejected(_) | Cause::Refused(Refusal::Other(LoginStatus(0x0200..0x0300)))
    )
}
