//! The security stage: who we are, and who the target is (RFC 7143, section 12.1).

use super::{Login, OPERATIONAL, Reply, SECURITY, Status};
use crate::iscsi::chap::{self, Chap};
use crate::iscsi::failure::Failure;

impl Login<'_, '_> {
    /// Goes through the stage, to the beginning of the operational one.
    pub(super) async fn prove(&mut self) -> Result<(), Failure> {
        let purpose = self.purpose;
        let mut pairs = vec![("InitiatorName", purpose.initiator)];
        match purpose.target {
            Some(target) => pairs.extend([("SessionType", "Normal"), ("TargetName", target)]),
            None => pairs.push(("SessionType", "Discovery")),
        }
        pairs.push(("AuthMethod", offered(purpose.chap)));
        let next = purpose.chap.is_none().then_some(OPERATIONAL);
        let reply = self.step(SECURITY, next, &pairs).await?;
        match (reply.value("AuthMethod"), purpose.chap) {
            (Some("CHAP"), Some(chap)) => self.chap(chap).await,
            (Some("CHAP"), None) => Err(Failure::Login(Status::unproven(purpose, &self.at()))),
            (Some("None") | None, Some(Chap { target: Some(_), .. })) => Err(Failure::MutualMissing),
            (Some("None") | None, _) => self.leave(reply).await,
            (Some("Reject"), Some(_)) => Err(Failure::Method {
                wanted: "no CHAP: switch chap_enabled off",
            }),
            (Some(_), _) => Err(Failure::Method {
                wanted: "what is not supported here",
            }),
        }
    }

    /// Asks for the next stage until the target goes there.
    async fn leave(&mut self, mut reply: Reply) -> Result<(), Failure> {
        while !reply.goes_to(OPERATIONAL) {
            reply = self.step(SECURITY, Some(OPERATIONAL), &[]).await?;
        }
        Ok(())
    }

    async fn chap(&mut self, chap: Chap<'_>) -> Result<(), Failure> {
        let asked = self.step(SECURITY, None, &[("CHAP_A", chap::MD5)]).await?;
        if asked.value("CHAP_A") != Some(chap::MD5) {
            return Err(Failure::Algorithm);
        }
        let challenge = challenge(&asked)?;
        let identifier = identifier(&asked)?;
        if self.purpose.challenges.has(&challenge) {
            return Err(Failure::Reflected { at: self.at() });
        }
        let response = chap::encode(&chap::response(identifier, chap.own.secret, &challenge));
        let mut pairs = vec![("CHAP_N", chap.own.name), ("CHAP_R", &response)];
        let Some((name, secret)) = chap.target else {
            let reply = self.step(SECURITY, Some(OPERATIONAL), &pairs).await?;
            return self.leave(reply).await;
        };
        let made = self.purpose.challenges.make();
        let (own_identifier, own_challenge) = made.map_err(|error| Failure::Random(error.to_string()))?;
        if challenge == own_challenge {
            return Err(Failure::Reflected { at: self.at() });
        }
        let (own_id, own_text) = (own_identifier.to_string(), chap::encode(&own_challenge));
        pairs.extend([("CHAP_I", own_id.as_str()), ("CHAP_C", own_text.as_str())]);
        let reply = self.step(SECURITY, Some(OPERATIONAL), &pairs).await?;
        let expected = chap::response(own_identifier, secret, &own_challenge);
        verify(&reply, name, &expected)?;
        self.leave(reply).await
    }
}

/// A target that has to prove itself is not given the choice to do without. CHAP is offered without a password too: LIO
/// hangs up where it wants CHAP and can't choose it, and a target that chooses it has told what is missing.
fn offered(chap: Option<Chap<'_>>) -> &'static str {
    match chap {
        None => "None,CHAP",
        Some(Chap { target: None, .. }) => "CHAP,None",
        Some(Chap { target: Some(_), .. }) => "CHAP",
    }
}

fn challenge(reply: &Reply) -> Result<Vec<u8>, Failure> {
    let text = reply
        .value("CHAP_C")
        .ok_or(Failure::Chap("its challenge is missing"))?;
    chap::decode(text).map_err(|_| Failure::Chap("its challenge is no binary value of 1 to 1024 bytes"))
}

fn identifier(reply: &Reply) -> Result<u8, Failure> {
    let text = reply
        .value("CHAP_I")
        .ok_or(Failure::Chap("its identifier is missing"))?;
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| Failure::Chap("its identifier is no number up to 255"))
}

fn verify(reply: &Reply, name: Option<&str>, expected: &[u8]) -> Result<(), Failure> {
    let (Some(told), Some(proof)) = (reply.value("CHAP_N"), reply.value("CHAP_R")) else {
        return Err(Failure::MutualMissing);
    };
    let proof = chap::decode(proof).map_err(|_| Failure::MutualWrong)?;
    if !chap::same(&proof, expected) {
        return Err(Failure::MutualWrong);
    }
    if name.is_some_and(|name| name != told) {
        return Err(Failure::MutualName);
    }
    Ok(())
}
