//! The status of a login that did not succeed (RFC 7143, section 11.13.5).

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
    /// Another status: the class is its first byte, the detail its second.
    #[error("the target refuses the login (status {0:#06x})")]
    Other(u16),
}

impl Refusal {
    /// Reads a status that is not success; `data` is the text of the response.
    pub(crate) fn read(status: u16, data: &[u8]) -> Self {
        match status {
            0x0101 | 0x0102 => {
                let pairs = text::pairs(data).unwrap_or_default();
                let to = pairs.into_iter().find(|(key, _)| *key == "TargetAddress");
                Self::Moved {
                    to: to.map(|(_, address)| address.to_owned()),
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
            other => Self::Other(other),
        }
    }
}
