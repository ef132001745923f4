//! The security stage: CHAP in one or both directions (RFC 7143, section 12.1).

use super::{Login, OPERATIONAL, Reply, SECURITY};
use crate::chap::{self, Chap, Mutual};
use crate::error::{Cause, ChapError};

impl Login<'_, '_> {
    /// Goes through the stage, to the beginning of the operational one.
    pub(super) async fn authenticate(&mut self) -> Result<(), Cause> {
        let purpose = self.purpose;
        let mut pairs = purpose.names();
        pairs.push(("AuthMethod", offered(purpose.chap)));
        let next = purpose.chap.is_none().then_some(OPERATIONAL);
        let reply = self.step(SECURITY, next, &pairs).await?;
        match (reply.value("AuthMethod").as_deref(), purpose.chap) {
            (Some("CHAP"), Some(chap)) => self.chap(chap).await,
            (Some("CHAP"), None) => Err(Cause::ChapRequired),
            (Some("None") | None, Some(Chap { mutual: Some(_), .. })) => {
                Err(ChapError::TargetUnproven.into())
            }
            (Some("None") | None, _) => self.leave(reply).await,
            (Some("Reject"), Some(_)) => Err(Cause::ChapRejected),
            (Some(_), _) => Err(Cause::UnknownMethod),
        }
    }

    /// Asks for the next stage until the target goes there.
    async fn leave(&mut self, mut reply: Reply) -> Result<(), Cause> {
        while !reply.goes_to(OPERATIONAL) {
            reply = self.step(SECURITY, Some(OPERATIONAL), &[]).await?;
        }
        Ok(())
    }

    async fn chap(&mut self, chap: Chap<'_>) -> Result<(), Cause> {
        let reply = self.step(SECURITY, None, &[("CHAP_A", chap::MD5)]).await?;
        if reply.value("CHAP_A").as_deref() != Some(chap::MD5) {
            return Err(ChapError::Algorithm.into());
        }
        let (challenge, identifier) = (challenge(&reply)?, identifier(&reply)?);
        if self.purpose.challenges.contain(&challenge) {
            return Err(ChapError::Reflected.into());
        }
        let response = chap::encode(&chap::response(identifier, chap.secret, &challenge));
        let mut pairs = vec![("CHAP_N", chap.name), ("CHAP_R", &response)];
        let Some(mutual) = chap.mutual else {
            let reply = self.step(SECURITY, Some(OPERATIONAL), &pairs).await?;
            return self.leave(reply).await;
        };
        let own = self.purpose.challenges.create().map_err(Cause::Random)?;
        let (id, text) = (own.identifier.to_string(), chap::encode(&own.bytes));
        pairs.extend([("CHAP_I", id.as_str()), ("CHAP_C", text.as_str())]);
        let reply = self.step(SECURITY, Some(OPERATIONAL), &pairs).await?;
        let expected = chap::response(own.identifier, mutual.secret, &own.bytes);
        verify(&reply, mutual, &expected)?;
        self.leave(reply).await
    }
}

/// A target that has to authenticate itself can't choose to do without. CHAP is offered without credentials too: LIO
/// closes the connection if it requires CHAP and can't choose it, and a target that chooses it has named the cause.
fn offered(chap: Option<Chap<'_>>) -> &'static str {
    match chap {
        None => "None,CHAP",
        Some(Chap { mutual: None, .. }) => "CHAP,None",
        Some(Chap { mutual: Some(_), .. }) => "CHAP",
    }
}

fn challenge(reply: &Reply) -> Result<Vec<u8>, ChapError> {
    let text = reply.value("CHAP_C").ok_or(ChapError::NoChallenge)?;
    chap::decode(&text).map_err(|_| ChapError::Challenge)
}

fn identifier(reply: &Reply) -> Result<u8, ChapError> {
    let text = reply.value("CHAP_I").ok_or(ChapError::NoIdentifier)?;
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| ChapError::Identifier)
}

fn verify(reply: &Reply, mutual: Mutual<'_>, expected: &[u8]) -> Result<(), ChapError> {
    let (Some(name), Some(response)) = (reply.value("CHAP_N"), reply.value("CHAP_R")) else {
        return Err(ChapError::TargetUnproven);
    };
    let response = chap::decode(&response).map_err(|_| ChapError::TargetSecret)?;
    if !chap::is_same(&response, expected) {
        return Err(ChapError::TargetSecret);
    }
    if mutual.name.is_some_and(|expected| expected != name) {
        return Err(ChapError::TargetName);
    }
    Ok(())
}
