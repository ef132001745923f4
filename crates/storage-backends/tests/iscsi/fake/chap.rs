//! CHAP as a fake speaks it (RFC 7143, section 12.1.3).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iscsi_initiator::chap;
use iscsi_initiator::pdu::{Pdu, opcode};
use iscsi_initiator::text;
use tokio::sync::watch;

use super::talk::{Request, Talk};

/// What a fake that wants CHAP knows and does.
#[derive(Debug, Clone)]
pub(crate) struct Chap {
    /// The initiator's secret.
    pub(crate) own: &'static str,
    /// The target's.
    pub(crate) theirs: &'static str,
    /// Writes binary values in base64.
    pub(crate) base64: bool,
    pub(crate) fault: Option<ChapFault>,
}

/// What a fake does wrong.
#[derive(Debug, Clone)]
pub(crate) enum ChapFault {
    /// Chooses to do without.
    None,
    /// Says this instead of the pair of the same key.
    Says(&'static str, String),
    /// Leaves a pair out.
    Omits(&'static str),
    /// Sends the challenge that it was sent at another target.
    Reflects(ReflectedOf),
}

/// The target at which challenges are taken, and the last of them.
#[derive(Debug, Clone)]
pub(crate) struct ReflectedOf(
    pub(crate) &'static str,
    pub(crate) Arc<watch::Sender<Option<String>>>,
);

const IDENTIFIER: u8 = 0xa7;
const CHALLENGE: [u8; 24] = [0x5a; 24];

impl Chap {
    fn binary(&self, bytes: &[u8]) -> String {
        if self.base64 {
            format!("0b{}", STANDARD.encode(bytes))
        } else {
            chap::encode(bytes)
        }
    }

    /// The pairs of an answer, with what is wrong in them.
    fn spoil(&self, mut pairs: Vec<(&'static str, String)>) -> Vec<u8> {
        match &self.fault {
            Some(ChapFault::Says(key, value)) => {
                for pair in pairs.iter_mut().filter(|pair| pair.0 == *key) {
                    pair.1.clone_from(value);
                }
            }
            Some(ChapFault::Omits(key)) => pairs.retain(|pair| pair.0 != *key),
            Some(ChapFault::None | ChapFault::Reflects(_)) | None => {}
        }
        text::write(pairs.iter().map(|(key, value)| (*key, value.as_str())))
    }
}

fn proof(identifier: u8, secret: &str, challenge: &[u8]) -> [u8; 16] {
    chap::response(identifier, secret, challenge)
}

impl Talk {
    /// One step of the security stage of a login to the target.
    pub(super) async fn prove(&mut self, request: &Request, chap: &Chap) -> Option<()> {
        let pairs = text::pairs(&request.data).unwrap();
        let value = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| &**value)
        };
        let response = Pdu::new(opcode::LOGIN_RESPONSE).put(8, &request.bhs[8..16]);
        if let Some(target) = value("TargetName") {
            target.clone_into(&mut self.target);
        }
        if value("AuthMethod").is_some() {
            let none = matches!(chap.fault, Some(ChapFault::None));
            let method = if none { "None" } else { "CHAP" };
            let answer = text::write([("AuthMethod", method), ("TargetPortalGroupTag", "1")]);
            return self.send(response.with_data(answer), request).await;
        }
        if value("CHAP_A").is_some() {
            let pairs = vec![
                ("CHAP_A", "5".to_owned()),
                ("CHAP_I", IDENTIFIER.to_string()),
                ("CHAP_C", self.challenge(chap).await?),
            ];
            return self.send(response.with_data(chap.spoil(pairs)), request).await;
        }
        if value("CHAP_R").is_none() {
            // Done without CHAP, or with it: on to the next stage.
            return self.send(response.put(1, &[request.bhs[1]]), request).await;
        }
        self.saw.lock().unwrap().proofs.push(self.target.clone());
        let right = chap::decode(value("CHAP_R")?).unwrap() == proof(IDENTIFIER, chap.own, &CHALLENGE);
        if !right {
            return self.send(response.put(36, &[2, 1]), request).await;
        }
        let mut answer = Vec::new();
        if let (Some(identifier), Some(challenge)) = (value("CHAP_I"), value("CHAP_C")) {
            if let Some(ChapFault::Reflects(ReflectedOf(_, taken))) = &chap.fault {
                taken.send_replace(Some(challenge.to_owned()));
            }
            let challenge = chap::decode(challenge).unwrap();
            let told = proof(identifier.parse().unwrap(), chap.theirs, &challenge);
            answer = vec![("CHAP_N", "nas".to_owned()), ("CHAP_R", chap.binary(&told))];
        }
        let response = response.put(1, &[request.bhs[1]]).with_data(chap.spoil(answer));
        self.send(response, request).await
    }

    /// Its own, or the one that it was sent at the other target.
    async fn challenge(&self, chap: &Chap) -> Option<String> {
        match &chap.fault {
            Some(ChapFault::Reflects(ReflectedOf(at, taken))) if self.target != *at => {
                let mut taken = taken.subscribe();
                let challenge = taken.wait_for(Option::is_some).await.ok()?;
                challenge.clone()
            }
            _ => Some(chap.binary(&CHALLENGE)),
        }
    }
}
