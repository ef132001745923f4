//! The sentences of the checks `discover` and `login`.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use storage_domain::iscsi::{InitiatorName, Iqn};
use storage_domain::{IscsiConfig, IscsiTarget};

use crate::iscsi::failure::Failure;
use crate::iscsi::limits::MAX_SESSIONS;
use crate::iscsi::portal::Opened;
use crate::iscsi::text::Address;
use crate::net::Permitted;

/// How many targets a sentence names.
const SHOWN: usize = 5;

/// The targets' names, without what would steer a terminal.
pub(super) fn names(targets: &[IscsiTarget]) -> Vec<String> {
    let plain = |name: &str| name.chars().filter(|c| !c.is_control()).collect();
    targets.iter().map(|target| plain(&target.name)).collect()
}

fn list(names: &[String]) -> String {
    let mut shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    let rest = format!("{more} more");
    if more > 0 {
        shown.push(&rest);
    }
    shown.join(", ")
}

pub(super) fn nothing_offered(initiator: &InitiatorName) -> String {
    format!(
        "The portal offers no target to this initiator: set a target up, and allow {initiator} and this host's address \
         in its access list"
    )
}

pub(super) fn offered(targets: &[IscsiTarget]) -> String {
    let names = names(targets);
    match names.as_slice() {
        [one] => format!("The portal offers one target, {one}"),
        names => format!("The portal offers {} targets: {}", names.len(), list(names)),
    }
}

pub(super) fn chosen(iqn: &str, offered: bool, names: &[String]) -> String {
    match (offered, names.len()) {
        (true, 1) => format!("The portal offers {iqn}"),
        (true, count) => format!("The portal offers {iqn}, and {} more", count - 1),
        (false, 0) => format!("The portal answers, and offers no target; {iqn} is tried all the same"),
        (false, _) => {
            format!("The portal answers, and does not offer {iqn}, which is tried all the same")
        }
    }
}

pub(super) fn not_discovered(iqn: &str, why: &str) -> String {
    format!("{why}; {iqn} is tried without")
}

/// The sentence of a login that failed for every target.
pub(super) fn not_in(
    first: Option<&Failure>,
    config: &IscsiConfig,
    initiator: &InitiatorName,
    offered: Option<&[String]>,
) -> String {
    let Some(failure) = first else {
        return nothing_offered(initiator);
    };
    let Some(iqn) = config.iqn.as_ref().map(Iqn::as_str) else {
        return failure.to_string();
    };
    let Some(names) = offered.filter(|names| !names.iter().any(|name| name.eq_ignore_ascii_case(iqn))) else {
        return failure.to_string();
    };
    let offers = match names {
        [] => "it offers none".to_owned(),
        names => format!("it offers {}", list(names)),
    };
    if failure.is_not_found() {
        return format!(
            "The portal has no target {iqn} for this initiator: check iqn ({offers}), and allow {initiator} and this host's \
             address in the target's access list"
        );
    }
    if failure.is_out_of_service() {
        return format!(
            "The portal has no target {iqn} in service: check iqn ({offers}), and whether the target is switched on"
        );
    }
    failure.to_string()
}

pub(super) fn logged_in(opened: &[(String, Opened)], all: usize, failures: &[Failure]) -> String {
    let mut text = match opened {
        [(name, opened)] if all == 1 => match &opened.moved {
            None => format!("Logged in to {name} at {}", opened.session.at()),
            Some((to, false)) => {
                format!("Logged in to {name} at {to}, where the portal sends sessions for now")
            }
            Some((to, true)) => {
                format!("Logged in to {name} at {to}, where the target has moved for good: set target to it")
            }
        },
        opened if opened.len() == all => format!("Logged in to all {all} targets"),
        opened => format!("Logged in to {} of {all} targets", opened.len()),
    };
    if let Some(failure) = failures.first() {
        text.push_str("; ");
        text.push_str(&failure.to_string());
    }
    if all > MAX_SESSIONS {
        let _ = write!(text, "; more than {MAX_SESSIONS} are not looked at");
    }
    text
}

/// Whether an address is another one than those of the portal, and one that can be connected to.
pub(super) fn is_elsewhere(address: &Address, portal: &[Permitted]) -> bool {
    let literal: Option<IpAddr> = address.host.literal();
    let known = |ip| {
        portal
            .iter()
            .any(|known| known.addr() == SocketAddr::from((ip, address.port)))
    };
    literal.is_none_or(|ip| !ip.is_unspecified() && !known(ip))
}
