//! The status of a login that did not succeed (RFC 7143, section 11.13.5).

use std::fmt;

use crate::text;

/// Why a target refused a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The target has moved.
    #[error("the target has moved")]
    Moved {
        /// The address, as the target wrote it: `host[:port][,group]`.
        to: Option<String>,
        /// Whether it has moved permanently.
        permanent: bool,
    },
    /// The target does not accept the credentials.
    #[error("the target refuses the credentials")]
    Authentication,
    /// The target does not admit the initiator.
    #[error("the target does not admit the initiator")]
    Authorization,
    /// The portal does not know the target.
    #[error("the portal does not know the target")]
    NotFound,
    /// The target was removed.
    #[error("the target was removed")]
    Removed,
    /// The target has another version of the protocol.
    #[error("the target has another version of iSCSI")]
    Version,
    /// The target takes no more connections.
    #[error("the target takes no more connections")]
    TooManyConnections,
    /// The target does not support this type of session.
    #[error("the target does not support this type of session")]
    SessionType,
    /// The target is out of service. LIO answers this for a target that it does not know.
    #[error("the target is out of service")]
    OutOfService,
    /// The target has no resources for a session.
    #[error("the target has no resources for a session")]
    OutOfResources,
    /// Another status.
    #[error("the target refuses the login: {0}")]
    Other(LoginStatus),
}

impl Refusal {
    /// Reads a status that is not success; `data` is the text of the response.
    pub(crate) fn read(status: u16, data: &[u8]) -> Self {
        match status {
            0x0101 | 0x0102 => {
                let pairs = text::pairs(data).unwrap_or_default();
                let to = pairs.into_iter().find(|(key, _)| *key == "TargetAddress");
                Self::Moved {
                    to: to.map(|(_, address)| address.into_owned()),
                    permanent: status == 0x0102,
                }
            }
            0x0201 => Self::Authentication,
            0x0202 => Self::Authorization,
            0x0203 => Self::NotFound,
            0x0204 => Self::Removed,
            0x0205 => Self::Version,
            0x0206 => Self::TooManyConnections,
            0x0209 => Self::SessionType,
            0x0301 => Self::OutOfService,
            0x0302 => Self::OutOfResources,
            other => Self::Other(LoginStatus(other)),
        }
    }
}

/// A status that is not success (RFC 7143, section 11.13.5): the class is its first byte, the detail its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginStatus(pub u16);

impl fmt::Display for LoginStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        let meaning = match status {
            0x0200 => "it finds an error in the request",
            0x0207 => "it misses a parameter",
            0x0208 => "the connection can't be part of this session",
            0x020a => "it does not know the session",
            0x020b => "it does not accept this request in a login",
            0x0200..0x0300 => "it finds an error of the initiator",
            0x0300..0x0400 => "it has an error of its own",
            _ => "it answers a status that the standard does not have",
        };
        write!(f, "{meaning} (status {status:#06x})")
    }
}

/// The reason of a Reject PDU (RFC 7143, section 11.17.1), with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectReason(pub u8);

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reason) = self;
        let meaning = match reason {
            0x02 => "a digest of its data is wrong",
            0x03 => "it does not accept a SNACK",
            0x04 => "it finds an error of the protocol",
            0x05 => "it does not support the command",
            0x06 => "it has too many immediate commands",
            0x07 => "a task is in progress",
            0x08 => "it does not accept an acknowledgement",
            0x09 => "it does not accept a field of the PDU",
            0x0a => "it is out of resources for a long operation",
            0x0c => "it waits for a logout",
            _ => "it gives a reason that the standard does not have",
        };
        write!(f, "{meaning} (reason {reason:#04x})")
    }
}
