//! Errors: which exchange failed, and why.

use std::fmt;
use std::time::Duration;

use crate::pdu::PduError;
use crate::refusal::{Refusal, RejectReason};
use crate::status::Status;
use crate::text::TextError;

/// An exchange with a target that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{exchange} failed: {cause}")]
pub struct Error {
    /// The exchange.
    pub exchange: Exchange,
    /// Why it failed.
    pub cause: Cause,
}

/// A request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// A login (RFC 7143, section 6.3).
    Login,
    /// A list of targets (RFC 7143, appendix C).
    SendTargets,
    /// The SCSI command of this name.
    Command(&'static str),
    /// A logout (RFC 7143, section 11.14).
    Logout,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "the login",
            Self::SendTargets => "the discovery",
            Self::Command(name) => name,
            Self::Logout => "the logout",
        })
    }
}

/// Why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The peer has sent nothing on this connection so far.
    #[error("the peer sent no answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// The target answered before, but not this request.
    #[error("the target sent no answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The first bytes of the peer are those of another protocol.
    #[error("the peer is not an iSCSI target")]
    NotIscsi,
    /// The target closed the connection.
    #[error("the target closed the connection instead of answering")]
    Closed,
    /// The target ended the session (RFC 7143, section 11.9.1).
    #[error("the target ended the session")]
    Ended,
    /// The target sent an unreadable PDU.
    #[error("the target sent an unreadable PDU: {0}")]
    Pdu(PduError),
    /// The target sent an unreadable text, or a text of the caller can't be sent.
    #[error("the text is not valid: {0}")]
    Text(TextError),
    /// The target broke the protocol.
    #[error("the target broke the protocol: {0}")]
    Violation(Violation),
    /// The target rejected the request with this reason (RFC 7143, section 11.17.1).
    #[error("the target rejected the request: {0}")]
    Rejected(RejectReason),
    /// The target refused the login.
    #[error("{0}")]
    Refused(Refusal),
    /// The target requires CHAP, and the caller has no credentials.
    #[error("the target requires CHAP")]
    ChapRequired,
    /// The target rejects the offered methods of authentication.
    #[error("the target rejects CHAP")]
    ChapRejected,
    /// The target chose a method of authentication that was not offered.
    #[error("the target chose an unknown method of authentication")]
    UnknownMethod,
    /// CHAP failed.
    #[error("CHAP failed: {0}")]
    Chap(ChapError),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// The target chose digests of CRC32C in the login, and its session failed before it had sent one.
    #[error("{0}, after it had chosen digests of CRC32C")]
    AfterDigests(Box<Cause>),
    /// The logical unit did not carry out the command.
    #[error("{0}")]
    Status(Status),
    /// The answer to the command is too short, or holds no valid value.
    #[error("the answer holds no valid value")]
    NoValue,
}

impl Cause {
    pub(crate) fn during(self, exchange: Exchange) -> Error {
        Error {
            exchange,
            cause: self,
        }
    }
}

/// How a target broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The PDU does not answer the request.
    #[error("the PDU does not answer the request")]
    UnexpectedPdu,
    /// More data arrives than the command asked for (RFC 7143, section 11.7.4).
    #[error("it sends data that was not requested")]
    UnrequestedData,
    /// A login takes more exchanges, or more text, than any login needs.
    #[error("its login does not end")]
    EndlessLogin,
    /// A list of targets is longer than any list should be.
    #[error("its list of targets does not end")]
    EndlessList,
    /// The target failed to deliver the command (RFC 7143, section 11.4.3).
    #[error("it could not deliver the command")]
    NotDelivered,
}

/// Why CHAP failed (RFC 7143, sections 9.2.1 and 12.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChapError {
    /// The target wants another algorithm than MD5.
    #[error("the target wants another algorithm than MD5")]
    Algorithm,
    /// The challenge is missing.
    #[error("the challenge is missing")]
    NoChallenge,
    /// The challenge is not a binary value of 1 to 1024 bytes.
    #[error("the challenge is not a binary value of 1 to 1024 bytes")]
    Challenge,
    /// The identifier is missing.
    #[error("the identifier is missing")]
    NoIdentifier,
    /// The identifier is not a number up to 255.
    #[error("the identifier is not a number up to 255")]
    Identifier,
    /// The peer sent a challenge that this initiator had sent, to be given the response.
    #[error("the peer reflects the challenge of the initiator")]
    Reflected,
    /// The target did not authenticate itself.
    #[error("the target did not authenticate itself")]
    TargetUnproven,
    /// The target knows another secret.
    #[error("the target knows another secret")]
    TargetSecret,
    /// The target has another name.
    #[error("the target has another name")]
    TargetName,
}

impl From<Violation> for Cause {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<ChapError> for Cause {
    fn from(error: ChapError) -> Self {
        Self::Chap(error)
    }
}
