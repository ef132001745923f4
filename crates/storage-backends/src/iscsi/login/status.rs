//! What a target says that does not let us in (RFC 7143, section 11.13.5).

use super::Purpose;
use crate::iscsi::pdu::Pdu;
use crate::iscsi::text;

/// A login's status, with what the sentence about it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    code: u16,
    /// The target; `None` is the discovery session.
    target: Option<String>,
    initiator: String,
    with_chap: bool,
    at: String,
    /// Where the target has moved to.
    moved: Option<String>,
}

/// Where a target has moved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// For good, and not only for now.
    pub(crate) for_good: bool,
    /// The address as it was told, where it was.
    pub(crate) to: Option<String>,
}

/// The initiator could not prove who it is.
const NOT_AUTHENTICATED: u16 = 0x0201;

impl Status {
    /// The status of a login that ends because the target wants a proof, and there is none.
    pub(super) fn unproven(purpose: &Purpose<'_>, at: &str) -> Self {
        Self {
            code: NOT_AUTHENTICATED,
            target: purpose.target.map(str::to_owned),
            initiator: purpose.initiator.to_owned(),
            with_chap: false,
            at: at.to_owned(),
            moved: None,
        }
    }

    pub(super) fn read(code: u16, response: &Pdu, purpose: &Purpose<'_>, at: &str) -> Self {
        let pairs = text::pairs(response.data()).unwrap_or_default();
        let moved = pairs.into_iter().find(|(key, _)| *key == "TargetAddress");
        Self {
            code,
            target: purpose.target.map(str::to_owned),
            initiator: purpose.initiator.to_owned(),
            with_chap: purpose.chap.is_some(),
            at: at.to_owned(),
            moved: moved.map(|(_, address)| address.to_owned()),
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code == 0x0203
    }

    /// Whether the target is out of service, which is also what LIO says of one that it does not have.
    pub(crate) fn is_out_of_service(&self) -> bool {
        self.code == 0x0301
    }

    /// Whether it is about who we are, so that other sessions may still be let in.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.code, NOT_AUTHENTICATED | 0x0202)
    }

    /// Where to go instead, where the target has moved.
    pub(crate) fn moved(&self) -> Option<Moved> {
        matches!(self.code, 0x0101 | 0x0102).then(|| Moved {
            for_good: self.code == 0x0102,
            to: self.moved.clone(),
        })
    }

    /// One plain sentence.
    pub(crate) fn sentence(&self) -> String {
        let at = &self.at;
        let whom = self.target.as_ref().map_or_else(
            || format!("The discovery at {at}"),
            |name| format!("The target {name}"),
        );
        match self.code {
            0x0101 | 0x0102 => format!("{whom} has moved: set target to where it is"),
            NOT_AUTHENTICATED => self.not_authenticated(&whom),
            0x0202 => {
                format!(
                    "{whom} does not admit this initiator: allow {} in the target's access list",
                    self.initiator
                )
            }
            0x0203 => format!("{at} does not know {}: check iqn", whom.to_lowercase_first()),
            0x0204 => format!("{whom} was removed from {at}: check iqn, or set the target up again"),
            0x0205 => format!("{whom} speaks another version of iSCSI, which is not supported"),
            0x0206 => format!("{whom} takes no more connections: end other sessions, or raise its limit"),
            0x0209 => format!("{whom} does not allow this type of session: see the portal's settings"),
            0x0301 => format!("{whom} is out of service just now: see its state at the storage system"),
            0x0302 => format!(
                "{whom} has no resources for one more session: end other sessions, or test again later"
            ),
            0x0300..0x0400 => format!(
                "{whom} has failed on its own (status {:#06x}): see its log",
                self.code
            ),
            code => format!("{whom} refused the login (status {code:#06x}): see its log"),
        }
    }

    fn not_authenticated(&self, whom: &str) -> String {
        match (&self.target, self.with_chap) {
            (Some(_), true) => {
                format!(
                    "{whom} refused the name or the password: check chap_username and chap_password, or switch \
                     chap_enabled off where the target wants none"
                )
            }
            (Some(_), false) => {
                format!("{whom} wants a password: set chap_enabled, chap_username and chap_password")
            }
            (None, true) => format!(
                "{whom} refused the name or the password: check discovery_chap_username and discovery_chap_password"
            ),
            (None, false) => {
                format!("{whom} wants a password: set discovery_chap_username and discovery_chap_password")
            }
        }
    }
}

trait LowercaseFirst {
    fn to_lowercase_first(&self) -> String;
}

impl LowercaseFirst for String {
    fn to_lowercase_first(&self) -> String {
        let mut chars = self.chars();
        chars
            .next()
            .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
    }
}
