//! Why a login, or what follows it in the session, failed.

use std::fmt;
use std::net::SocketAddr;

use iscsi_initiator::{Cause, ChapError, Error, Exchange, Refusal, Status};
use storage_domain::iscsi::InitiatorName;

/// A login, for messages about it and about its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) at: SocketAddr,
    /// The target; `None` is a discovery.
    pub(crate) target: Option<String>,
    pub(crate) initiator: InitiatorName,
    pub(crate) with_chap: bool,
}

impl Login {
    /// Returns the name of the target, and nothing for a discovery.
    pub(crate) fn name(&self) -> &str {
        self.target.as_deref().unwrap_or_default()
    }

    pub(super) fn explain<'a>(&'a self, error: &'a Error) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| self.write(f, error))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, Error { exchange, cause }: &Error) -> fmt::Result {
        const LOG: &str = "See the log of the target";
        let at = self.at;
        match cause {
            Cause::Silent(limit) => write!(
                f,
                "{at} accepted the connection and sent no answer within {} s. Check port, and whether the target hangs",
                limit.as_secs_f32()
            ),
            Cause::Timeout(limit) => write!(
                f,
                "{at} did not answer {exchange} within {} s. Check the load of the target",
                limit.as_secs_f32()
            ),
            Cause::NotIscsi => write!(
                f,
                "The server at {at} is not an iSCSI target. Check target and port"
            ),
            Cause::Closed => write!(
                f,
                "{at} closed the connection instead of answering {exchange}. {LOG}"
            ),
            Cause::Ended => write!(f, "{at} ended the session. {LOG}"),
            Cause::AfterDigests(cause) => write!(
                f,
                "{at} chose digests of CRC32C in the login, and then failed at {exchange}: {cause}. Set HeaderDigest and \
                 DataDigest to None at the target, or see its log"
            ),
            Cause::Pdu(error) => write!(f, "{at} sent an unreadable PDU: {error}. {LOG}"),
            Cause::Text(error) => write!(f, "{at} sent an unreadable text: {error}. {LOG}"),
            Cause::Violation(violation) => {
                write!(f, "{at} broke the protocol in {exchange}: {violation}. {LOG}")
            }
            Cause::Rejected(reason) => write!(f, "{at} rejected {exchange}: {reason}. {LOG}"),
            Cause::Refused(Refusal::Authentication) => self.write_authentication(f, self.with_chap),
            Cause::ChapRequired => self.write_authentication(f, false),
            Cause::Refused(refusal) => self.write_refusal(f, refusal),
            Cause::ChapRejected => {
                let remedy = match self.target {
                    Some(_) => "Set chap_enabled to false",
                    None => "Clear discovery_chap_username and discovery_chap_password",
                };
                write!(f, "{self} does not support CHAP. {remedy}")
            }
            Cause::UnknownMethod => write!(
                f,
                "{self} wants another authentication than CHAP. Allow CHAP there"
            ),
            Cause::Chap(error) => self.write_chap(f, *error),
            Cause::Random(error) => write!(
                f,
                "This host has no random numbers: {error}. Check its /dev/urandom"
            ),
            Cause::Status(status) if has_no_lun_0(*exchange, *status) => write!(
                f,
                "{self} has no LUN 0, and does not list its units elsewhere: {cause}. Map a unit to this initiator as LUN 0"
            ),
            Cause::Status(_) | Cause::NoValue => {
                write!(f, "{self} did not carry out {exchange}: {cause}. {LOG}")
            }
        }
    }

    fn write_refusal(&self, f: &mut fmt::Formatter<'_>, refusal: &Refusal) -> fmt::Result {
        let (at, initiator) = (self.at, &self.initiator);
        match refusal {
            Refusal::Moved { .. } => write!(f, "{self} has moved. Set target to where it is"),
            Refusal::Authentication => self.write_authentication(f, self.with_chap),
            Refusal::Authorization => {
                write!(
                    f,
                    "{self} does not admit this initiator. Allow {initiator} in its access list"
                )
            }
            // Some targets hide from initiators that they do not admit.
            Refusal::NotFound => write!(
                f,
                "{at} does not know {}, or hides it. Check iqn, and allow {initiator} in its access list",
                self.name()
            ),
            Refusal::Removed => write!(
                f,
                "{self} was removed from {at}. Check iqn, or set the target up again"
            ),
            Refusal::Version => write!(f, "{self} has another version of iSCSI. Update the target"),
            Refusal::TooManyConnections => {
                write!(
                    f,
                    "{self} takes no more connections. End other sessions, or raise its limit"
                )
            }
            Refusal::SessionType => {
                write!(
                    f,
                    "{self} does not allow this type of session. See the settings of the portal"
                )
            }
            Refusal::OutOfService => {
                write!(f, "{self} is out of service. See its state at the storage system")
            }
            Refusal::OutOfResources => {
                write!(
                    f,
                    "{self} has no resources for one more session. End other sessions, or test again later"
                )
            }
            Refusal::Other(status) => write!(f, "{self} refuses the login: {status}. See its log"),
        }
    }

    fn write_authentication(&self, f: &mut fmt::Formatter<'_>, with_chap: bool) -> fmt::Result {
        let remedy = match (&self.target, with_chap) {
            (Some(_), true) => {
                "refused the name or the password. Check chap_username and chap_password, or switch chap_enabled off \
                 if the target wants none"
            }
            (Some(_), false) => "wants a password. Set chap_enabled, chap_username and chap_password",
            (None, true) => {
                "refused the name or the password. Check discovery_chap_username and discovery_chap_password, or clear both \
                 if the portal wants none"
            }
            (None, false) => "wants a password. Set discovery_chap_username and discovery_chap_password",
        };
        write!(f, "{self} {remedy}")
    }

    fn write_chap(&self, f: &mut fmt::Formatter<'_>, error: ChapError) -> fmt::Result {
        const MUTUAL: &str = "Mutual authentication failed: the target";
        match error {
            ChapError::Algorithm => {
                write!(
                    f,
                    "{self} wants CHAP with another algorithm than MD5. Allow MD5 there, the only one of the standard"
                )
            }
            ChapError::Reflected => write!(
                f,
                "The target sent the challenge of this initiator back, as an impostor does. Check who answers at {}",
                self.at
            ),
            ChapError::TargetUnproven => write!(
                f,
                "{MUTUAL} did not authenticate itself. Set its outgoing account, or clear mutual_chap_username and \
                 mutual_chap_password"
            ),
            ChapError::TargetSecret => {
                write!(
                    f,
                    "{MUTUAL} has another secret than mutual_chap_password. Set the same one there and here"
                )
            }
            ChapError::TargetName => {
                write!(
                    f,
                    "{MUTUAL} has another name than mutual_chap_username. Set the same one there and here"
                )
            }
            ChapError::NoChallenge
            | ChapError::Challenge
            | ChapError::NoIdentifier
            | ChapError::Identifier => write!(f, "The CHAP of the target is not valid: {error}. See its log"),
        }
    }
}

/// The subject of a message.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(name) => write!(f, "The target {name}"),
            None => write!(f, "The discovery at {}", self.at),
        }
    }
}

/// Whether the unit that has to list all others is missing.
fn has_no_lun_0(exchange: Exchange, status: Status) -> bool {
    const NOT_SUPPORTED: u8 = 0x25;
    exchange == Exchange::Command("REPORT LUNS")
        && status.sense.is_some_and(|sense| sense.code == NOT_SUPPORTED)
}
