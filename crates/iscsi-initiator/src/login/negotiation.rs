//! The operational stage: digests and bounds (RFC 7143, section 13).

use super::{FULL_FEATURE, Login, OPERATIONAL, Reply};
use crate::error::Cause;
use crate::pdu::{Digests, MAX_SEGMENT};
use crate::text;

/// The offer of a discovery session. Some targets accept a digest there, and hang up on the first PDU that has one.
const OFFERED_DISCOVERY: [(&str, &str); 3] = [
    ("HeaderDigest", "None"),
    ("DataDigest", "None"),
    ("ErrorRecoveryLevel", "0"),
];
/// The offer of sessions that carry commands; of several values the first is preferred. Nothing is ever written, so the
/// rest is the least.
const OFFERED_NORMAL: [(&str, &str); 13] = [
    ("HeaderDigest", "None,CRC32C"),
    ("DataDigest", "None,CRC32C"),
    ("ErrorRecoveryLevel", "0"),
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
/// The keys that a target declares, without an answer.
const DECLARED: [&str; 5] = [
    SEGMENT,
    "TargetAddress",
    "TargetAlias",
    "TargetName",
    "TargetPortalGroupTag",
];

impl Login<'_, '_> {
    /// Goes through the stage, to the beginning of the full feature phase.
    pub(super) async fn negotiate(&mut self) -> Result<Digests, Cause> {
        let segment = MAX_SEGMENT.to_string();
        let mut pairs = Vec::new();
        if self.purpose.skips_security {
            pairs = self.purpose.names();
        }
        match self.purpose.target {
            Some(_) => pairs.extend(OFFERED_NORMAL),
            None => pairs.extend(OFFERED_DISCOVERY),
        }
        pairs.push((SEGMENT, &segment));
        let mut digests = Digests::default();
        let mut reply = self.step(OPERATIONAL, Some(FULL_FEATURE), &pairs).await?;
        loop {
            digests.header |= reply.value("HeaderDigest").as_deref() == Some("CRC32C");
            digests.data |= reply.value("DataDigest").as_deref() == Some("CRC32C");
            if reply.goes_to(FULL_FEATURE) {
                return Ok(digests);
            }
            let unknown = unknown_keys(&reply);
            let answers: Vec<_> = unknown.iter().map(|key| (*key, "NotUnderstood")).collect();
            reply = self.step(OPERATIONAL, Some(FULL_FEATURE), &answers).await?;
        }
    }
}

/// Returns the keys that the target wants an answer to, and that were not offered (section 6.2).
fn unknown_keys(reply: &Reply) -> Vec<&str> {
    let is_offered = |key: &str| OFFERED_NORMAL.iter().any(|(offered, _)| *offered == key);
    let is_unknown = |key: &&str| !DECLARED.contains(key) && !is_offered(key);
    let pairs = text::pairs(&reply.text).unwrap_or_default();
    pairs.into_iter().map(|(key, _)| key).filter(is_unknown).collect()
}
