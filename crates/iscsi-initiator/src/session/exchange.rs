//! Requests and answers of a session: sequence numbers, tags, pings, text and the logout.

use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::{Cause, Violation};
use crate::login::Numbers;
use crate::pdu::{NO_TAG, Pdu, opcode};
use crate::refusal::RejectReason;

/// The final bit of a request or an answer, the continue bit of a text, and the status bit of data.
pub(super) const FINAL: u8 = 0x80;
const CONTINUE: u8 = 0x40;
pub(super) const STATUS: u8 = 0x01;
/// Closes the session (RFC 7143, section 11.14.1).
const CLOSE_SESSION: u8 = 0x80;
/// How many bytes of text one list of targets may have, all its parts together.
const MAX_TEXT: usize = 1024 * 1024;

/// A connection in the full feature phase, with its sequence numbers.
#[derive(Debug)]
pub(super) struct Exchanges {
    connection: Connection,
    cmd_sn: u32,
    /// The last command that the target takes (RFC 7143, section 4.2.2.1).
    max_cmd_sn: u32,
    exp_stat_sn: u32,
    tag: u32,
    /// How long one answer may take.
    pub(super) limit: Duration,
}

impl Exchanges {
    pub(super) fn new(connection: Connection, numbers: Numbers, limit: Duration) -> Self {
        Self {
            connection,
            cmd_sn: numbers.cmd_sn,
            max_cmd_sn: numbers.max_cmd_sn,
            exp_stat_sn: numbers.exp_stat_sn,
            tag: 0,
            limit,
        }
    }

    /// Whether the target takes one more command.
    pub(super) fn is_window_open(&self) -> bool {
        is_up_to(self.cmd_sn, self.max_cmd_sn)
    }

    /// Queues a request under a new tag.
    pub(super) fn request(&mut self, pdu: Pdu) -> u32 {
        self.tag = (self.tag + 1) % NO_TAG;
        self.continue_request(pdu)
    }

    /// Queues a request that continues the one before.
    fn continue_request(&mut self, pdu: Pdu) -> u32 {
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

    /// Receives the next PDU that answers a pending request, and answers pings meanwhile.
    pub(super) async fn answer(
        &mut self,
        is_pending: impl Fn(u32) -> bool,
        deadline: Instant,
    ) -> Result<Pdu, Cause> {
        loop {
            let pdu = self.connection.receive(deadline, self.limit).await?;
            self.count(&pdu);
            match pdu.opcode() {
                opcode::NOP_IN => self.pong(&pdu),
                opcode::ASYNC_MESSAGE if pdu.byte(36) != 0 => return Err(Cause::Ended),
                opcode::ASYNC_MESSAGE => {}
                opcode::REJECT => return Err(Cause::Rejected(RejectReason(pdu.byte(2)))),
                _ if is_pending(pdu.number(16)) => return Ok(pdu),
                // A late answer to a command that a logout has overtaken.
                _ => {}
            }
        }
    }

    /// Counts status and command window, so that the target can forget the status (RFC 7143, section 4.2.2.2).
    fn count(&mut self, pdu: &Pdu) {
        let has_status = match pdu.opcode() {
            opcode::NOP_IN => pdu.number(16) != NO_TAG,
            opcode::DATA_IN => pdu.byte(1) & STATUS != 0,
            _ => true,
        };
        if has_status {
            self.exp_stat_sn = pdu.number(24).wrapping_add(1);
        }
        // PDUs may overtake each other; the window never shrinks.
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
        let answer = Pdu::new(opcode::NOP_OUT | opcode::IMMEDIATE)
            .put(1, &[FINAL])
            .put(8, &lun)
            .put_number(16, NO_TAG)
            .put_number(20, ping.number(20))
            .put_number(24, self.cmd_sn)
            .put_number(28, self.exp_stat_sn);
        self.connection.queue(&answer);
    }

    /// Asks for all targets (RFC 7143, appendix C); returns the text of the answer.
    pub(super) async fn send_targets(&mut self) -> Result<Vec<u8>, Cause> {
        let deadline = Instant::now() + self.limit;
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
                self.continue_request(request)
            };
            let response = self.answer(|of| of == tag, deadline).await?;
            if response.opcode() != opcode::TEXT_RESPONSE {
                return Err(Violation::UnexpectedPdu.into());
            }
            text.extend_from_slice(response.data());
            if text.len() > MAX_TEXT {
                return Err(Violation::EndlessList.into());
            }
            // An answer that continues, or that waits for more questions, has a transfer tag (section 11.11).
            transfer = response.number(20);
            let is_last = response.byte(1) & FINAL != 0 && response.byte(1) & CONTINUE == 0;
            if is_last || transfer == NO_TAG {
                return Ok(text);
            }
        }
    }

    pub(super) async fn log_out(&mut self) -> Result<(), Cause> {
        let deadline = Instant::now() + self.limit;
        let request = Pdu::new(opcode::LOGOUT_REQUEST | opcode::IMMEDIATE).put(1, &[CLOSE_SESSION]);
        let tag = self.request(request);
        self.answer(|of| of == tag, deadline).await.map(drop)
    }
}

/// Compares serial numbers, which wrap around (RFC 1982; RFC 7143, section 4.2.2.1).
fn is_up_to(number: u32, last: u32) -> bool {
    last.wrapping_sub(number) < 1 << 31
}
