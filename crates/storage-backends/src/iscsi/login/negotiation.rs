//! The operational stage: digests and bounds (RFC 7143, section 13).

use super::{FULL_FEATURE, Login, OPERATIONAL, Reply};
use crate::iscsi::failure::Failure;
use crate::iscsi::pdu::{Digests, MAX_SEGMENT};
use crate::iscsi::text;

/// What is offered for every session; a value that a target has to choose from names the preferred one first.
const OFFERED: [(&str, &str); 3] = [
    ("HeaderDigest", "None,CRC32C"),
    ("DataDigest", "None,CRC32C"),
    ("ErrorRecoveryLevel", "0"),
];
/// What is offered for sessions that carry commands; nothing is ever written, so that the rest is the least.
const OFFERED_NORMAL: [(&str, &str); 10] = [
    ("MaxConnections", "1"),
    ("InitialR2T", "Yes"),
    ("ImmediateData", "No"),
    ("MaxBurstLength", "65536"),
    ("FirstBurstLength", "65536"),
    ("DefaultTime2Wait", "0"),
    ("DefaultTime2Retain", "0"),
    ("MaxOutstandingR2T", "1"),
    ("DataPDUInOrder", "Yes"),
    ("DataSequenceInOrder", "Yes"),
];
const SEGMENT: &str = "MaxRecvDataSegmentLength";
/// What a target declares, and wants no answer to.
const DECLARED: [&str; 5] = [
    SEGMENT,
    "TargetAddress",
    "TargetAlias",
    "TargetName",
    "TargetPortalGroupTag",
];

impl Login<'_, '_> {
    /// Goes through the stage, to the beginning of the full feature phase.
    pub(super) async fn negotiate(&mut self) -> Result<Digests, Failure> {
        let segment = MAX_SEGMENT.to_string();
        let mut pairs = OFFERED.to_vec();
        pairs.push((SEGMENT, &segment));
        if self.purpose.target.is_some() {
            pairs.extend(OFFERED_NORMAL);
        }
        let mut digests = Digests::default();
        let mut reply = self.step(OPERATIONAL, Some(FULL_FEATURE), &pairs).await?;
        loop {
            digests.header |= reply.value("HeaderDigest") == Some("CRC32C");
            digests.data |= reply.value("DataDigest") == Some("CRC32C");
            if reply.goes_to(FULL_FEATURE) {
                return Ok(digests);
            }
            let unknown = asked(&reply);
            let answers: Vec<_> = unknown
                .iter()
                .map(|key| (key.as_str(), "NotUnderstood"))
                .collect();
            reply = self.step(OPERATIONAL, Some(FULL_FEATURE), &answers).await?;
        }
    }
}

/// The keys that the target wants an answer to, and that mean nothing here (section 6.2).
fn asked(reply: &Reply) -> Vec<String> {
    let known = |key: &str| {
        DECLARED.contains(&key)
            || OFFERED
                .iter()
                .chain(&OFFERED_NORMAL)
                .any(|(offered, _)| *offered == key)
    };
    let pairs = text::pairs(&reply.text).unwrap_or_default();
    pairs
        .into_iter()
        .filter(|(key, _)| !known(key))
        .map(|(key, _)| key.to_owned())
        .collect()
}
