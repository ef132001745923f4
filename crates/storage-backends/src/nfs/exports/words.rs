//! What showmount's complaints mean, in sentences that a person can act on.

use storage_domain::Host;

use super::ExportsError;
use crate::helper::program::ProgramError;
use crate::net::ConnectError;

/// How much of a complaint that nobody knows is shown, in characters.
const MAX_QUOTED: usize = 200;

fn not_available(reason: String) -> ExportsError {
    ExportsError::NotAvailable { reason }
}

fn failed(reason: String) -> ExportsError {
    ExportsError::Failed { reason }
}

/// Nothing can be asked on the port of rpcbind.
pub(super) fn no_rpcbind(server: &Host, error: &ConnectError) -> ExportsError {
    not_available(match error {
        ConnectError::Refused { .. } => format!(
            "{server} runs no rpcbind (port 111 is closed), as NFSv4-only servers do, so it has no export list"
        ),
        ConnectError::Timeout { .. } | ConnectError::Unreachable { .. } => format!(
            "{server} does not answer on port 111 (a firewall, or an NFSv4-only server), so its exports can't be listed"
        ),
        other => format!(
            "The exports of {server} can't be listed: {}",
            other.sentence("server")
        ),
    })
}

/// The time is over.
pub(super) fn late(server: &Host) -> ExportsError {
    failed(format!(
        "{server} did not answer the question for its exports in time; its mount daemon may hang"
    ))
}

/// showmount gave no answer.
pub(super) fn broken(server: &Host, error: &ProgramError) -> ExportsError {
    match error {
        ProgramError::NotInstalled { .. } => not_available(format!("The exports can't be listed: {error}")),
        ProgramError::Deadline { .. } => late(server),
        ProgramError::TooMuchOutput { .. } | ProgramError::Signal { .. } => failed(format!(
            "{server} sent an export list that can't be read ({error})"
        )),
        ProgramError::Start { source, .. } => failed(format!("{error}: {source}")),
        ProgramError::Cancelled { .. } => ExportsError::Cancelled,
    }
}

/// showmount ended with a complaint (nfs-utils, utils/showmount).
pub(super) fn complaint(server: &Host, status: i32, stderr: &str) -> ExportsError {
    let says = |part: &str| stderr.contains(part);
    if says("Program not registered") {
        return not_available(format!(
            "{server} runs no mount daemon, as NFSv4-only servers do, so it has no export list"
        ));
    }
    if says("rpc mount export") && says("Timed out") {
        return failed(format!(
            "The mount daemon of {server} does not answer; restart it"
        ));
    }
    if says("Timed out") {
        return failed(format!(
            "rpcbind on {server} accepts connections and does not answer; restart it"
        ));
    }
    if says("Unable to receive") || says("Unable to send") {
        return not_available(format!(
            "{server} closed the connection to its rpcbind, so its exports can't be listed"
        ));
    }
    if says("Authentication error") {
        return failed(format!(
            "The mount daemon of {server} refuses to list its exports for this host; allow this host there"
        ));
    }
    if says("version mismatch") {
        return failed(format!(
            "The mount daemon of {server} speaks none of the versions of the protocol that are known here"
        ));
    }
    if says("Can't decode result") {
        return failed(format!(
            "The mount daemon of {server} sent an export list that can't be read"
        ));
    }
    failed(unknown(server, status, stderr))
}

fn unknown(server: &Host, status: i32, stderr: &str) -> String {
    let line = stderr
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty())
        .unwrap_or_default();
    let quoted: String = line
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_QUOTED)
        .collect();
    if quoted.is_empty() {
        return format!("Asking {server} for its exports failed (showmount ended with status {status})");
    }
    format!("Asking {server} for its exports failed: {quoted}")
}
