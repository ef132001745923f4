//! SCSI commands, several at once (RFC 7143, sections 4.2.2.1, 11.3, 11.4 and 11.7).

use tokio::time::Instant;

use super::wire::{FINAL, STATUS, Wire};
use crate::iscsi::failure::Failure;
use crate::iscsi::pdu::{Pdu, opcode};
use crate::iscsi::scsi::{Answer, Command};

/// A command that reads, as a simple task (RFC 7143, section 11.3.1).
const READ_SIMPLE: u8 = 0x41;
const SIMPLE: u8 = 0x01;
/// How many commands are out at once at most, whatever the target lets in.
const MAX_OUT: usize = 64;

/// A command, and the unit that it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) lun: [u8; 8],
    pub(crate) command: Command,
}

/// A command that is not answered yet, and what it has read.
struct Out<'a> {
    tag: u32,
    place: usize,
    command: &'a Command,
    data: Vec<u8>,
}

impl Wire {
    /// Sends commands and collects their answers. One is sent in any case, so that a target whose window makes no sense
    /// is served all the same.
    pub(super) async fn commands(&mut self, asked: &[Asked]) -> Result<Vec<Answer>, Failure> {
        let mut answers: Vec<Option<Answer>> = vec![None; asked.len()];
        let mut waiting = asked.iter().enumerate();
        let mut out: Vec<Out<'_>> = Vec::new();
        let mut deadline = Instant::now() + self.answer;
        loop {
            while out.is_empty() || (self.is_open() && out.len() < MAX_OUT) {
                let Some((place, next)) = waiting.next() else {
                    break;
                };
                out.push(self.send(place, next));
            }
            let Some(first) = out.first() else {
                return Ok(answers.into_iter().flatten().collect());
            };
            let is_out = |tag| out.iter().any(|one| one.tag == tag);
            let pdu = self.answer(is_out, first.command.what, deadline).await?;
            let Some(at) = out.iter().position(|one| one.tag == pdu.number(16)) else {
                continue;
            };
            if let Some(answer) = self.take(&pdu, &mut out[at])? {
                answers[out.swap_remove(at).place] = Some(answer);
                deadline = Instant::now() + self.answer;
            }
        }
    }

    fn send<'a>(&mut self, place: usize, asked: &'a Asked) -> Out<'a> {
        let command = &asked.command;
        let attributes = if command.length > 0 { READ_SIMPLE } else { SIMPLE };
        let request = Pdu::new(opcode::SCSI_COMMAND)
            .put(1, &[FINAL | attributes])
            .put(8, &asked.lun)
            .put_number(20, command.length)
            .put(32, &command.cdb);
        Out {
            tag: self.request(request),
            place,
            command,
            data: Vec::new(),
        }
    }

    /// Takes one unit of a command's answer; the answer, where it was the last.
    fn take(&self, pdu: &Pdu, out: &mut Out<'_>) -> Result<Option<Answer>, Failure> {
        match pdu.opcode() {
            opcode::DATA_IN => {
                self.read(pdu, out)?;
                let whole = pdu.byte(1) & STATUS != 0;
                Ok(whole.then(|| Answer::new(pdu.byte(3), std::mem::take(&mut out.data), &[])))
            }
            opcode::SCSI_RESPONSE if pdu.byte(2) == 0 => {
                let data = std::mem::take(&mut out.data);
                Ok(Some(Answer::new(pdu.byte(3), data, pdu.data())))
            }
            opcode::SCSI_RESPONSE => Err(self.protocol("it could not carry a command out")),
            _ => Err(self.protocol("it answers a command with something else")),
        }
    }

    /// Takes one piece of what a command reads, never more than the command asked for (RFC 7143, section 11.7.4).
    fn read(&self, pdu: &Pdu, out: &mut Out<'_>) -> Result<(), Failure> {
        let begin = usize::try_from(pdu.number(40)).unwrap_or(usize::MAX);
        let end = begin.saturating_add(pdu.data().len());
        if end > usize::try_from(out.command.length).unwrap_or(0) || begin > out.data.len() {
            return Err(self.protocol("it sends data that was not asked for"));
        }
        out.data.truncate(begin);
        out.data.extend_from_slice(pdu.data());
        Ok(())
    }
}
