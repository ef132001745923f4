//! An iSCSI initiator (RFC 7143) in user space that discovers targets and inspects their logical units.
//!
//! It needs no kernel module, no daemon and no privilege, and never reads or writes a block. The caller dials: every
//! session runs over an `AsyncRead + AsyncWrite` stream, so that the crate never chooses an address.
//!
//! [`Initiator::discover`] lists the targets of a portal. [`Initiator::log_in`] opens a [`Session`], which lists logical
//! units, inquires what they are and reads their capacity. Every exchange has a deadline and every list a bound
//! ([`Limits`]). Every [`Error`] names the exchange and the cause.
//!
//! The modules [`pdu`], [`text`] and [`chap`] are the wire format, for fake targets and other programs.

#![forbid(unsafe_code)]

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub mod chap;
mod connection;
mod error;
mod login;
pub mod pdu;
mod refusal;
mod scsi;
mod session;
mod status;
pub mod text;

use chap::Challenges;
pub use chap::{Chap, Mutual};
use connection::Connection;
pub use error::{Cause, ChapError, Error, Exchange, Violation};
pub use refusal::{LoginStatus, Refusal, RejectReason};
pub use scsi::{Capacity, DeviceType, Lun, LunList, Unit};
pub use session::Session;
pub use status::{Sense, Status};
pub use text::Target;

/// The port of a portal that names none (RFC 7143, section 4.2.7.1).
pub const DEFAULT_PORT: u16 = 3260;

/// The deadlines and bounds of a session. The defaults fit targets of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a target may take for one answer, all parts of it together.
    pub answer: Duration,
    /// How long a logout may take.
    pub logout: Duration,
    /// How many targets of one discovery are kept.
    pub targets: usize,
    /// How many logical units of one target are kept.
    pub luns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            logout: Duration::from_secs(2),
            targets: 1024,
            luns: 1024,
        }
    }
}

/// An initiator: its name, its limits, and the CHAP challenges that it has sent.
///
/// A challenge that comes back in another session of the same initiator is not answered (RFC 7143, section 9.2.1).
#[derive(Debug)]
pub struct Initiator {
    name: String,
    limits: Limits,
    challenges: Challenges,
}

impl Initiator {
    /// Creates an initiator with this iSCSI name, which is sent as it is.
    pub fn new(name: impl Into<String>, limits: Limits) -> Self {
        Self {
            name: name.into(),
            limits,
            challenges: Challenges::default(),
        }
    }

    /// Lists the targets of a portal in a discovery session (RFC 7143, appendix C).
    ///
    /// # Errors
    /// [`Error`] of the login or of SendTargets.
    /// # Cancel safety
    /// A session that is open logs out in the background.
    pub async fn discover<S>(&self, stream: S, chap: Option<Chap<'_>>) -> Result<Vec<Target>, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut session = self.log_in(stream, None, chap).await?;
        let targets = session.send_targets().await;
        session.log_out().await;
        targets
    }

    /// Opens a session with a target, or a discovery session if `target` is `None`.
    ///
    /// # Errors
    /// [`Error`] of the login; [`Cause::Refused`] is the answer of a target that refuses, or that has moved.
    /// # Cancel safety
    /// There is no session before the login ends; the target forgets a connection that is closed.
    pub async fn log_in<S>(
        &self,
        stream: S,
        target: Option<&str>,
        chap: Option<Chap<'_>>,
    ) -> Result<Session, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.open(stream, target, chap, false).await
    }

    /// Opens a session like [`log_in`](Self::log_in), from the operational stage of the login (RFC 7143, section 6.3).
    ///
    /// There is no authentication. Some targets that want none close a connection whose login begins at the security
    /// stage.
    ///
    /// # Errors
    /// Those of [`log_in`](Self::log_in).
    /// # Cancel safety
    /// There is no session before the login ends; the target forgets a connection that is closed.
    pub async fn log_in_unauthenticated<S>(&self, stream: S, target: Option<&str>) -> Result<Session, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.open(stream, target, None, true).await
    }

    async fn open<S>(
        &self,
        stream: S,
        target: Option<&str>,
        chap: Option<Chap<'_>>,
        skips_security: bool,
    ) -> Result<Session, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let purpose = login::Purpose {
            initiator: &self.name,
            target,
            chap,
            skips_security,
            challenges: &self.challenges,
            answer: self.limits.answer,
        };
        let mut connection = Connection::new(Box::new(stream));
        let numbers = login::login(&mut connection, &purpose).await;
        let numbers = numbers.map_err(|cause| cause.during(Exchange::Login))?;
        Ok(Session::new(connection, numbers, &self.limits))
    }
}
