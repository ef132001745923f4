//! Logins: stages, negotiation and answers (RFC 7143, sections 6, 11.12 and 11.13).

mod negotiation;
mod security;

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;

use crate::chap::{Challenges, Chap};
use crate::connection::Connection;
use crate::error::{Cause, Violation};
use crate::pdu::{Pdu, opcode};
use crate::refusal::{Refusal, RejectReason};
use crate::text::{self, TextError};

/// The stages (RFC 7143, section 11.12.3).
const SECURITY: u8 = 0;
const OPERATIONAL: u8 = 1;
const FULL_FEATURE: u8 = 3;
/// The bits beside them.
const TRANSIT: u8 = 0x80;
const CONTINUE: u8 = 0x40;
/// The number of the first command; a login is immediate and does not use one up (section 4.2.2.1).
const CMD_SN: u32 = 1;
/// How many bytes of text one step of a login may have.
const MAX_TEXT: usize = 64 * 1024;
/// How many requests one login makes.
const MAX_REQUESTS: usize = 24;

/// The session that a login opens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose<'a> {
    /// The name of the initiator.
    pub(crate) initiator: &'a str,
    /// The target; `None` opens a discovery session.
    pub(crate) target: Option<&'a str>,
    /// The credentials.
    pub(crate) chap: Option<Chap<'a>>,
    /// Whether the login begins at the operational stage, without authentication.
    pub(crate) skips_security: bool,
    /// The challenges that were sent before.
    pub(crate) challenges: &'a Challenges,
    /// How long one answer may take.
    pub(crate) answer: Duration,
}

impl Purpose<'_> {
    /// Returns the keys that the first request of a login needs (RFC 7143, section 6.3).
    fn names(&self) -> Vec<(&str, &str)> {
        let mut pairs = vec![("InitiatorName", self.initiator)];
        match self.target {
            Some(target) => pairs.extend([("SessionType", "Normal"), ("TargetName", target)]),
            None => pairs.push(("SessionType", "Discovery")),
        }
        pairs
    }

    /// Refuses values that would end their pair early.
    fn check(&self) -> Result<(), Cause> {
        let mutual = self.chap.and_then(|chap| chap.mutual);
        let values = [
            Some(self.initiator),
            self.target,
            self.chap.map(|chap| chap.name),
            mutual.and_then(|mutual| mutual.name),
        ];
        if values.into_iter().flatten().any(|value| value.contains('\0')) {
            return Err(Cause::Text(TextError::ZeroByte));
        }
        Ok(())
    }
}

/// The sequence numbers at the beginning of the full feature phase.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the names are those of RFC 7143")]
pub(crate) struct Numbers {
    pub(crate) cmd_sn: u32,
    pub(crate) max_cmd_sn: u32,
    pub(crate) exp_stat_sn: u32,
}

/// Logs the connection in. It is of no more use if that fails.
pub(crate) async fn login(connection: &mut Connection, purpose: &Purpose<'_>) -> Result<Numbers, Cause> {
    purpose.check()?;
    let mut login = Login::begin(connection, purpose)?;
    if !purpose.skips_security {
        login.authenticate().await?;
    }
    let digests = login.negotiate().await?;
    let numbers = Numbers {
        cmd_sn: CMD_SN,
        max_cmd_sn: login.max_cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
    };
    connection.set_digests(digests);
    Ok(numbers)
}

struct Login<'c, 'p> {
    connection: &'c mut Connection,
    purpose: &'p Purpose<'p>,
    isid: [u8; 6],
    tsih: [u8; 2],
    max_cmd_sn: u32,
    exp_stat_sn: u32,
    requests: usize,
}

/// The answer to one step of a login.
struct Reply {
    flags: u8,
    text: Vec<u8>,
}

impl Reply {
    /// Whether the target goes on to the requested stage.
    fn goes_to(&self, stage: u8) -> bool {
        self.flags & TRANSIT != 0 && self.flags & 0x03 == stage
    }

    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let pairs = text::pairs(&self.text).ok()?;
        let pair = pairs.into_iter().find(|(name, _)| *name == key)?;
        Some(pair.1)
    }
}

impl<'c, 'p> Login<'c, 'p> {
    fn begin(connection: &'c mut Connection, purpose: &'p Purpose<'p>) -> Result<Self, Cause> {
        // A random ISID (section 11.12.5: type 10b) never takes another initiator's session over.
        let mut isid = [0; 6];
        getrandom::fill(&mut isid).map_err(Cause::Random)?;
        isid[0] = 0x80;
        Ok(Self {
            connection,
            purpose,
            isid,
            tsih: [0; 2],
            max_cmd_sn: 0,
            exp_stat_sn: 0,
            requests: 0,
        })
    }

    /// Takes one step: a request with its text, and the answer with all parts of its text.
    async fn step(&mut self, stage: u8, next: Option<u8>, pairs: &[(&str, &str)]) -> Result<Reply, Cause> {
        let flags = stage << 2 | next.map_or(0, |next| TRANSIT | next);
        let mut response = self.exchange(flags, text::write(pairs.iter().copied())).await?;
        let mut text = response.data().to_vec();
        while response.byte(1) & CONTINUE != 0 {
            // An empty request asks for the rest of the text (section 6.2).
            response = self.exchange(stage << 2, Vec::new()).await?;
            text.extend_from_slice(response.data());
            if text.len() > MAX_TEXT {
                return Err(Violation::EndlessLogin.into());
            }
        }
        text::pairs(&text).map_err(Cause::Text)?;
        Ok(Reply {
            flags: response.byte(1),
            text,
        })
    }

    async fn exchange(&mut self, flags: u8, text: Vec<u8>) -> Result<Pdu, Cause> {
        self.requests += 1;
        if self.requests > MAX_REQUESTS {
            return Err(Violation::EndlessLogin.into());
        }
        let request = Pdu::new(opcode::LOGIN_REQUEST | opcode::IMMEDIATE)
            .put(1, &[flags])
            .put(8, &self.isid)
            .put(14, &self.tsih)
            .put_number(24, CMD_SN)
            .put_number(28, self.exp_stat_sn)
            .with_data(text);
        self.connection.queue(&request);
        let limit = self.purpose.answer;
        let response = self.connection.receive(Instant::now() + limit, limit).await?;
        self.accept(response)
    }

    fn accept(&mut self, response: Pdu) -> Result<Pdu, Cause> {
        match response.opcode() {
            opcode::LOGIN_RESPONSE => {}
            opcode::REJECT => return Err(Cause::Rejected(RejectReason(response.byte(2)))),
            _ => return Err(Violation::UnexpectedPdu.into()),
        }
        let status = u16::from_be_bytes([response.byte(36), response.byte(37)]);
        if status != 0 {
            return Err(Cause::Refused(Refusal::read(status, response.data())));
        }
        self.tsih = [response.byte(14), response.byte(15)];
        self.exp_stat_sn = response.number(24).wrapping_add(1);
        self.max_cmd_sn = response.number(32);
        Ok(response)
    }
}
