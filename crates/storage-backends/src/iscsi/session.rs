//! A session that is logged in: commands and text in, answers out, and a logout on every path.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::iscsi::connection::Connection;
use crate::iscsi::failure::Failure;
use crate::iscsi::limits::{Limits, MAX_TEXT};
use crate::iscsi::login::{self, Purpose};
use crate::iscsi::pdu::{NO_TAG, Pdu, opcode};
use crate::iscsi::scsi::{Answer, Command};

/// The final bit of a request or an answer, the continue bit of a text, and the status bit of data.
const FINAL: u8 = 0x80;
const CONTINUE: u8 = 0x40;
const STATUS: u8 = 0x01;
/// A command that reads, as a simple task (RFC 7143, section 11.3.1).
const READ_SIMPLE: u8 = 0x41;
const SIMPLE: u8 = 0x01;
/// Closes the whole session (RFC 7143, section 11.14.1).
const CLOSE_SESSION: u8 = 0x80;

/// A session in its full feature phase. Dropping it logs out in the background, within the limit for that.
#[derive(Debug)]
pub(crate) struct Session {
    wire: Option<Wire>,
    logout: Duration,
}

impl Session {
    /// Logs in.
    ///
    /// # Cancel safety
    /// Before the login ends there is no session; the target forgets the connection when it is closed.
    pub(crate) async fn open(
        mut connection: Connection,
        purpose: &Purpose<'_>,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let numbers = login::login(&mut connection, purpose).await?;
        Ok(Self {
            wire: Some(Wire {
                connection,
                cmd_sn: numbers.cmd_sn,
                exp_stat_sn: numbers.exp_stat_sn,
                tag: 0,
                answer: limits.answer,
            }),
            logout: limits.logout,
        })
    }

    /// Where the session goes.
    pub(crate) fn at(&self) -> &str {
        self.wire.as_ref().map_or("", |wire| wire.connection.at())
    }

    /// Asks a discovery session for all targets (RFC 7143, appendix C); the text of the answer.
    pub(crate) async fn send_targets(&mut self) -> Result<Vec<u8>, Failure> {
        self.wire()?.send_targets().await
    }

    /// Sends one command, and collects what it reads.
    pub(crate) async fn command(&mut self, lun: [u8; 8], command: &Command) -> Result<Answer, Failure> {
        self.wire()?.command(lun, command).await
    }

    /// Logs out, and waits for the target's word that the session is gone.
    pub(crate) async fn close(mut self) {
        if let Some(wire) = self.wire.as_mut() {
            let _ = timeout(self.logout, wire.close()).await;
        }
        // Only now: where this future is dropped before, the drop below begins once more.
        self.wire = None;
    }

    fn wire(&mut self) -> Result<&mut Wire, Failure> {
        let gone = || Failure::Ended {
            at: "the portal".to_owned(),
        };
        self.wire.as_mut().ok_or_else(gone)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut wire) = self.wire.take() else { return };
        // Without a runtime the connection is closed, and the target ends the session by itself.
        if let Ok(runtime) = Handle::try_current() {
            let limit = self.logout;
            runtime.spawn(async move {
                let _ = timeout(limit, wire.close()).await;
            });
        }
    }
}

#[derive(Debug)]
struct Wire {
    connection: Connection,
    cmd_sn: u32,
    exp_stat_sn: u32,
    tag: u32,
    answer: Duration,
}

impl Wire {
    /// Puts a request into the line, under a new tag.
    fn request(&mut self, pdu: Pdu) -> u32 {
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

    /// The next unit that belongs to the request; what the target asks in between is answered.
    async fn answer(&mut self, tag: u32, what: &'static str, deadline: Instant) -> Result<Pdu, Failure> {
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
                _ if pdu.number(16) == tag => return Ok(pdu),
                // Late answers to what was given up before a logout.
                _ => {}
            }
        }
    }

    /// Notes the number of every status, so that the target can forget it (RFC 7143, section 4.2.2.2).
    fn count(&mut self, pdu: &Pdu) {
        let counted = match pdu.opcode() {
            opcode::NOP_IN => pdu.number(16) != NO_TAG,
            opcode::DATA_IN => pdu.byte(1) & STATUS != 0,
            _ => true,
        };
        if counted {
            self.exp_stat_sn = pdu.number(24).wrapping_add(1);
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

    async fn send_targets(&mut self) -> Result<Vec<u8>, Failure> {
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
            let response = self.answer(tag, WHAT, deadline).await?;
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

    async fn command(&mut self, lun: [u8; 8], command: &Command) -> Result<Answer, Failure> {
        let deadline = Instant::now() + self.answer;
        let attributes = if command.length > 0 { READ_SIMPLE } else { SIMPLE };
        let request = Pdu::new(opcode::SCSI_COMMAND)
            .put(1, &[FINAL | attributes])
            .put(8, &lun)
            .put_number(20, command.length)
            .put(32, &command.cdb);
        let tag = self.request(request);
        let mut data = Vec::new();
        loop {
            let pdu = self.answer(tag, command.what, deadline).await?;
            match pdu.opcode() {
                opcode::DATA_IN => self.take(&pdu, command, &mut data)?,
                opcode::SCSI_RESPONSE if pdu.byte(2) == 0 => {
                    return Ok(Answer::new(pdu.byte(3), data, pdu.data()));
                }
                opcode::SCSI_RESPONSE => return Err(self.protocol("it could not carry a command out")),
                _ => return Err(self.protocol("it answers a command with something else")),
            }
            if pdu.opcode() == opcode::DATA_IN && pdu.byte(1) & STATUS != 0 {
                return Ok(Answer::new(pdu.byte(3), data, &[]));
            }
        }
    }

    /// Takes one piece of what a command reads, never more than the command asked for (RFC 7143, section 11.7.4).
    fn take(&self, pdu: &Pdu, command: &Command, data: &mut Vec<u8>) -> Result<(), Failure> {
        let begin = usize::try_from(pdu.number(40)).unwrap_or(usize::MAX);
        let end = begin.saturating_add(pdu.data().len());
        if end > usize::try_from(command.length).unwrap_or(0) || begin > data.len() {
            return Err(self.protocol("it sends data that was not asked for"));
        }
        data.truncate(begin);
        data.extend_from_slice(pdu.data());
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + self.answer;
        let request = Pdu::new(opcode::LOGOUT_REQUEST | opcode::IMMEDIATE).put(1, &[CLOSE_SESSION]);
        let tag = self.request(request);
        self.answer(tag, "the logout", deadline).await.map(drop)
    }

    fn at(&self) -> String {
        self.connection.at().to_owned()
    }

    fn protocol(&self, what: &'static str) -> Failure {
        Failure::Protocol { at: self.at(), what }
    }
}
