//! What can go wrong with a portal or a target, one variant a step, in sentences for operators.

use std::time::Duration;

use crate::iscsi::limits::MAX_REDIRECTS;
use crate::iscsi::login::Status;
use crate::iscsi::pdu::PduError;
use crate::iscsi::text::TextError;
use crate::net::ConnectError;

/// Why something was not done. Its text is one plain sentence, without a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Connect(String),
    #[error("{at} took the connection and sent no answer within {limit} s: it is no iSCSI target, or it hangs; check port", limit = .limit.as_secs_f32())]
    Silent { at: String, limit: Duration },
    #[error("{at} did not answer {what} within {limit} s: it is overloaded or hangs", limit = .limit.as_secs_f32())]
    Slow {
        at: String,
        what: &'static str,
        limit: Duration,
    },
    #[error("What answers at {at} is not an iSCSI target: check target and port")]
    NotIscsi { at: String },
    #[error("{at} closed the connection instead of answering {what}: see the log of the target")]
    Closed { at: String, what: &'static str },
    #[error("{at} sent what can't be read: {error}")]
    Unit { at: String, error: PduError },
    #[error("{at} sent a text that can't be read: {error}")]
    Text { at: String, error: TextError },
    #[error("{at} does not keep to the protocol: {what}")]
    Protocol { at: String, what: &'static str },
    #[error("{at} rejected {what} as no valid request (reason {reason:#04x}): see the log of the target")]
    Rejected {
        at: String,
        what: &'static str,
        reason: u8,
    },
    #[error("{at} ended the session: see the log of the target")]
    Ended { at: String },
    #[error("{}", .0.sentence())]
    Login(Status),
    #[error("The target does not offer a login that fits: it wants {wanted}")]
    Method { wanted: &'static str },
    #[error("chap_enabled is true, and {missing} is not set: set it, or switch chap_enabled off")]
    NoCredentials { missing: &'static str },
    #[error("{present} is set, and {missing} is not: set both or none")]
    HalfCredentials {
        present: &'static str,
        missing: &'static str,
    },
    #[error(
        "The target can prove itself only where chap_enabled is true: set it, with chap_username and chap_password"
    )]
    MutualAlone,
    #[error(
        "chap_password and mutual_chap_password are the same, which lets anybody pass as the target (RFC 7143): use two different ones"
    )]
    SameSecrets,
    #[error(
        "Mutual authentication failed: the target proved to know another secret than mutual_chap_password: set the same one at the target and here"
    )]
    MutualWrong,
    #[error(
        "Mutual authentication failed: the target calls itself by another name than mutual_chap_username: set the same one at the target and here"
    )]
    MutualName,
    #[error(
        "Mutual authentication failed: the target did not prove itself: set its outgoing account, or clear mutual_chap_username and mutual_chap_password"
    )]
    MutualMissing,
    #[error(
        "The target sent our own challenge back to us, as somebody does who wants to pass as the target: see who answers at {at}"
    )]
    Reflected { at: String },
    #[error(
        "The target wants CHAP with another algorithm than MD5, which is the only one that the standard has"
    )]
    Algorithm,
    #[error("The target's CHAP can't be read: {0}")]
    Chap(&'static str),
    #[error(
        "The target has moved more than {MAX_REDIRECTS} times in a row, last to {to}: set target to where it is"
    )]
    TooManyMoves { to: String },
    #[error("The target has moved to an address that can't be read: see the portal's settings")]
    MovedNowhere,
    #[error("The target has moved to {to}, and that does not work: {why}")]
    Moved { to: String, why: String },
    #[error("This host has no random numbers: {0}")]
    Random(String),
    #[error("{what} was refused: {why}")]
    Command { what: &'static str, why: String },
}

impl Failure {
    /// Whether another address of the same target may do better.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Login(status) if status.is_not_found())
    }

    /// Whether the target is out of service, or not there at all.
    pub(crate) fn is_out_of_service(&self) -> bool {
        matches!(self, Self::Login(status) if status.is_out_of_service())
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error.sentence("target").to_string())
    }
}
