//! Failures on the way to a target and in its session, as a cause and a remedy each.

use std::fmt;

use iscsi_initiator::{Cause, Error, Refusal};
use storage_domain::iscsi::Portal;

use super::Login;
use crate::iscsi::MAX_REDIRECTS;
use crate::iscsi::credentials::Unusable;
use crate::net::ConnectError;

/// Where a target has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) to: Portal,
    pub(crate) permanent: bool,
}

/// Why a target can't be asked. Its text has no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}", .0.sentence("target"))]
    Connect(#[from] ConnectError),
    #[error("The connection is lost: {0}")]
    Lost(std::io::Error),
    #[error(transparent)]
    Credentials(#[from] Unusable),
    #[error("{}", .login.explain(.error))]
    Exchange { login: Login, error: Error },
    #[error("The target has moved to an address that can't be read. See the settings of the portal")]
    MovedNowhere,
    #[error(
        "The target has moved more than {MAX_REDIRECTS} times in a row, last to {to}. Set target to where it is"
    )]
    TooManyMoves { to: Portal },
    #[error(
        "The target is sent round in a circle: it has moved to {to}, which was asked already. Mend the redirection at the storage system, or set target to a portal that does not redirect"
    )]
    MovedInCircle { to: Portal },
    #[error("The target has moved to {to}, and that does not work: {failure}")]
    Moved { to: Portal, failure: Box<Failure> },
    #[error("{failure}. Its other portals do not help: {}", list(.others))]
    Elsewhere {
        failure: Box<Failure>,
        others: Vec<(Portal, Failure)>,
    },
}

impl Failure {
    /// Adds where the target has moved, if it has.
    pub(crate) fn after(self, moved: Option<Moved>) -> Self {
        match moved {
            Some(Moved { to, .. }) => Self::Moved {
                to,
                failure: Box::new(self),
            },
            None => self,
        }
    }

    /// Adds how the other portals of the target failed, if it has any.
    pub(crate) fn and_elsewhere(self, others: Vec<(Portal, Self)>) -> Self {
        if others.is_empty() {
            return self;
        }
        Self::Elsewhere {
            failure: Box::new(self),
            others,
        }
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Elsewhere { failure, .. } => failure.refusal(),
            Self::Exchange {
                error:
                    Error {
                        cause: Cause::Refused(refusal),
                        ..
                    },
                ..
            } => Some(refusal),
            _ => None,
        }
    }

    /// Whether another address of the same target may know it.
    pub(crate) fn is_not_found(&self) -> bool {
        self.refusal() == Some(&Refusal::NotFound)
    }

    /// Whether the target is out of service, which LIO also answers for a target that it does not have.
    pub(crate) fn is_out_of_service(&self) -> bool {
        self.refusal() == Some(&Refusal::OutOfService)
    }
}

fn list(others: &[(Portal, Failure)]) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        for (at, (portal, failure)) in others.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{portal}: {failure}")?;
        }
        Ok(())
    })
}
