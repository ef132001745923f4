//! The login: stages, negotiation, and what a target answers (RFC 7143, sections 6, 11.12 and 11.13).

mod negotiation;
mod security;
mod status;

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use status::Status;

use crate::iscsi::chap::{Challenges, Chap};
use crate::iscsi::connection::Connection;
use crate::iscsi::failure::Failure;
use crate::iscsi::limits::{MAX_LOGIN_TEXT, MAX_ROUNDS};
use crate::iscsi::pdu::{Pdu, opcode};
use crate::iscsi::text;

/// The stages (RFC 7143, section 11.12.3).
const SECURITY: u8 = 0;
const OPERATIONAL: u8 = 1;
const FULL_FEATURE: u8 = 3;
/// The bits that go with them.
const TRANSIT: u8 = 0x80;
const CONTINUE: u8 = 0x40;

/// What a login is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose<'a> {
    /// The initiator's name.
    pub(crate) initiator: &'a str,
    /// The target; without one, the session is for discovery.
    pub(crate) target: Option<&'a str>,
    /// How to prove who we are.
    pub(crate) chap: Option<Chap<'a>>,
    /// What was sent to targets before.
    pub(crate) challenges: &'a Challenges,
    /// How long one answer may take.
    pub(crate) answer: Duration,
}

/// Where a session stands when the full feature phase begins.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the names are those of RFC 7143")]
pub(crate) struct Numbers {
    pub(crate) cmd_sn: u32,
    /// The last command that the target lets in.
    pub(crate) max_cmd_sn: u32,
    pub(crate) exp_stat_sn: u32,
}

/// Logs the connection in.
///
/// # Errors
/// [`Failure::Login`] with what the target said, where it refuses; the connection is of no more use then.
pub(crate) async fn login(connection: &mut Connection, purpose: &Purpose<'_>) -> Result<Numbers, Failure> {
    let mut login = Login::begin(connection, purpose)?;
    login.prove().await?;
    let digests = login.negotiate().await?;
    let numbers = Numbers {
        cmd_sn: CMD_SN,
        max_cmd_sn: login.max_cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
    };
    connection.set_digests(digests);
    Ok(numbers)
}

/// The first command's number; a login is delivered immediately and does not use one up (section 4.2.2.1).
const CMD_SN: u32 = 1;

struct Login<'c, 'p> {
    connection: &'c mut Connection,
    purpose: &'p Purpose<'p>,
    isid: [u8; 6],
    tsih: [u8; 2],
    max_cmd_sn: u32,
    exp_stat_sn: u32,
    rounds: usize,
}

/// What one step of a login answered.
struct Reply {
    flags: u8,
    text: Vec<u8>,
}

impl Reply {
    /// Whether the target goes on to the stage that was asked for.
    fn goes_to(&self, stage: u8) -> bool {
        self.flags & TRANSIT != 0 && self.flags & 0x03 == stage
    }

    fn value(&self, key: &str) -> Option<&str> {
        let pairs = text::pairs(&self.text).ok()?;
        pairs
            .into_iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
}

impl<'c, 'p> Login<'c, 'p> {
    fn begin(connection: &'c mut Connection, purpose: &'p Purpose<'p>) -> Result<Self, Failure> {
        // A random ISID (section 11.12.5: type 10b), so that no session of somebody else is taken over.
        let mut isid = [0; 6];
        getrandom::fill(&mut isid).map_err(|error| Failure::Random(error.to_string()))?;
        isid[0] = 0x80;
        Ok(Self {
            connection,
            purpose,
            isid,
            tsih: [0; 2],
            max_cmd_sn: 0,
            exp_stat_sn: 0,
            rounds: 0,
        })
    }

    /// One step: a request with its text, and the answer with all parts of its text.
    async fn step(&mut self, stage: u8, next: Option<u8>, pairs: &[(&str, &str)]) -> Result<Reply, Failure> {
        let flags = stage << 2 | next.map_or(0, |next| TRANSIT | next);
        let mut response = self.round(flags, text::write(pairs.iter().copied())).await?;
        let mut whole = response.data().to_vec();
        while response.byte(1) & CONTINUE != 0 {
            // The target has more to say; an empty request asks for it (section 6.2).
            response = self.round(stage << 2, Vec::new()).await?;
            whole.extend_from_slice(response.data());
            if whole.len() > MAX_LOGIN_TEXT {
                return Err(self.protocol("the text of its login has no end"));
            }
        }
        text::pairs(&whole).map_err(|error| Failure::Text { at: self.at(), error })?;
        Ok(Reply {
            flags: response.byte(1),
            text: whole,
        })
    }

    async fn round(&mut self, flags: u8, text: Vec<u8>) -> Result<Pdu, Failure> {
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(self.protocol("its login has no end"));
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
        let response = self
            .connection
            .receive("the login", Instant::now() + limit, limit)
            .await?;
        self.accept(response)
    }

    fn accept(&mut self, response: Pdu) -> Result<Pdu, Failure> {
        match response.opcode() {
            opcode::LOGIN_RESPONSE => {}
            opcode::REJECT => {
                let (what, reason) = ("the login", response.byte(2));
                return Err(Failure::Rejected {
                    at: self.at(),
                    what,
                    reason,
                });
            }
            _ => return Err(self.protocol("it answers a login with something else")),
        }
        let status = u16::from(response.byte(36)) << 8 | u16::from(response.byte(37));
        if status != 0 {
            return Err(Failure::Login(Status::read(
                status,
                &response,
                self.purpose,
                &self.at(),
            )));
        }
        self.tsih = [response.byte(14), response.byte(15)];
        self.exp_stat_sn = response.number(24).wrapping_add(1);
        self.max_cmd_sn = response.number(32);
        Ok(response)
    }

    fn at(&self) -> String {
        self.connection.at().to_owned()
    }

    fn protocol(&self, what: &'static str) -> Failure {
        Failure::Protocol { at: self.at(), what }
    }
}
