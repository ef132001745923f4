//! The connection of a session: numbers, tags, pings, text and the logout.

use std::time::Duration;

use tokio::time::Instant;

use crate::iscsi::connection::Connection;
use crate::iscsi::failure::Failure;
use crate::iscsi::limits::MAX_TEXT;
use crate::iscsi::login::Numbers;
use crate::iscsi::pdu::{NO_TAG, Pdu, opcode};

/// The final bit of a request or an answer, the continue bit of a text, and the status bit of data.
pub(super) const FINAL: u8 = 0x80;
const CONTINUE: u8 = 0x40;
pub(super) const STATUS: u8 = 0x01;
/// Closes the whole session (RFC 7143, section 11.14.1).
const CLOSE_SESSION: u8 = 0x80;

/// A connection in the full feature phase, with its numbers.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) connection: Connection,
    cmd_sn: u32,
    /// The last command that the target lets in (RFC 7143, section 4.2.2.1).
    max_cmd_sn: u32,
    exp_stat_sn: u32,
    tag: u32,
    pub(super) answer: Duration,
}

impl Wire {
    pub(super) fn new(connection: Connection, numbers: Numbers, answer: Duration) -> Self {
        Self {
            connection,
            cmd_sn: numbers.cmd_sn,
            max_cmd_sn: numbers.max_cmd_sn,
            exp_stat_sn: numbers.exp_stat_sn,
            tag: 0,
            answer,
        }
    }

    /// Whether the target lets one command more in.
    pub(super) fn is_open(&self) -> bool {
        is_up_to(self.cmd_sn, self.max_cmd_sn)
    }

    /// Puts a request into the line, under a new tag.
    pub(super) fn request(&mut self, pdu: Pdu) -> u32 {
        self.tag = (self.tag + 1) % NO_TAG;
        self.go_on(pdu)
    }

    /// Puts a request into the line that goes on with the one before.
    fn go_on(&mut self, pdu: Pdu) -> u32 {
        let pdu = pdu
            .put_number(16, self.tag)
            .put_number(24, self.cmd_sn)
            .put_number(28, self.exp_stat_sn);
        if pdu.byte(0) & opcode::IMMEDIATE == 0 {
            self.cmd_sn = self.cmd_sn.wrapping_add(1);
        }
        self.connection.queue(&pdu);
        self.tag
    }

    /// The next unit that belongs to a request that is waited for; what the target asks in between is answered.
    pub(super) async fn answer(
        &mut self,
        is_waited_for: impl Fn(u32) -> bool,
        what: &'static str,
        deadline: Instant,
    ) -> Result<Pdu, Failure> {
        loop {
            let pdu = self.connection.receive(what, deadline, self.answer).await?;
            self.count(&pdu);
            match pdu.opcode() {
                opcode::NOP_IN => self.pong(&pdu),
                opcode::ASYNC_MESSAGE if pdu.byte(36) != 0 => {
                    return Err(Failure::Ended { at: self.at() });
                }
                opcode::ASYNC_MESSAGE => {}
                opcode::REJECT => {
                    return Err(Failure::Rejected {
                        at: self.at(),
                        what,
                        reason: pdu.byte(2),
                    });
                }
                _ if is_waited_for(pdu.number(16)) => return Ok(pdu),
                // Late answers to what was given up before a logout.
                _ => {}
            }
        }
    }

    /// Notes the number of every status and the end of the window, so that the target can forget it (RFC 7143, section 4.2.2.2).
    fn count(&mut self, pdu: &Pdu) {
        let counted = match pdu.opcode() {
            opcode::NOP_IN => pdu.number(16) != NO_TAG,
            opcode::DATA_IN => pdu.byte(1) & STATUS != 0,
            _ => true,
        };
        if counted {
            self.exp_stat_sn = pdu.number(24).wrapping_add(1);
        }
        // Units may overtake each other; the window never gets smaller.
        if is_up_to(self.max_cmd_sn, pdu.number(32)) {
            self.max_cmd_sn = pdu.number(32);
        }
    }

    /// Answers a ping (RFC 7143, section 11.18).
    fn pong(&mut self, ping: &Pdu) {
        if ping.number(20) == NO_TAG {
            return;
        }
        let lun: [u8; 8] = std::array::from_fn(|at| ping.byte(8 + at));
        let reply = Pdu::new(opcode::NOP_OUT | opcode::IMMEDIATE)
            .put(1, &[FINAL])
            .put(8, &lun)
            .put_number(16, NO_TAG)
            .put_number(20, ping.number(20))
            .put_number(24, self.cmd_sn)
            .put_number(28, self.exp_stat_sn);
        self.connection.queue(&reply);
    }

    /// Asks for all targets (RFC 7143, appendix C); the text of the answer.
    pub(super) async fn send_targets(&mut self) -> Result<Vec<u8>, Failure> {
        const WHAT: &str = "the discovery";
        let deadline = Instant::now() + self.answer;
        let mut data = b"SendTargets=All\0".to_vec();
        let mut transfer = NO_TAG;
        let mut text = Vec::new();
        loop {
            let request = Pdu::new(opcode::TEXT_REQUEST)
                .put(1, &[FINAL])
                .put_number(20, transfer)
                .with_data(std::mem::take(&mut data));
            // One sequence of requests has one tag (section 11.10.3).
            let tag = if transfer == NO_TAG {
                self.request(request)
            } else {
                self.go_on(request)
            };
            let response = self.answer(|of| of == tag, WHAT, deadline).await?;
            if response.opcode() != opcode::TEXT_RESPONSE {
                return Err(self.protocol("it answers a text with something else"));
            }
            text.extend_from_slice(response.data());
            if text.len() > MAX_TEXT {
                return Err(self.protocol("its list of targets has no end"));
            }
            // An answer that goes on, or that waits for more questions, has a transfer tag (section 11.11).
            transfer = response.number(20);
            let whole = response.byte(1) & FINAL != 0 && response.byte(1) & CONTINUE == 0;
            if whole || transfer == NO_TAG {
                return Ok(text);
            }
        }
    }

    /// Logs out.
    pub(super) async fn close(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + self.answer;
        let request = Pdu::new(opcode::LOGOUT_REQUEST | opcode::IMMEDIATE).put(1, &[CLOSE_SESSION]);
        let tag = self.request(request);
        self.answer(|of| of == tag, "the logout", deadline)
            .await
            .map(drop)
    }

    fn at(&self) -> String {
        self.connection.at().to_owned()
    }

    pub(super) fn protocol(&self, what: &'static str) -> Failure {
        Failure::Protocol { at: self.at(), what }
    }
}

/// Compares numbers that begin anew after their last one (RFC 1982; RFC 7143, section 4.2.2.1).
fn is_up_to(number: u32, last: u32) -> bool {
    last.wrapping_sub(number) < 1 << 31
}
