//! SCSI commands, several at once (RFC 7143, sections 4.2.2.1, 11.3, 11.4 and 11.7).

use std::time::Duration;

use tokio::time::Instant;

use super::exchange::{Exchanges, FINAL, STATUS};
use crate::error::{Cause, Error, Exchange, Violation};
use crate::pdu::{Pdu, opcode};
use crate::scsi::{Command, Response};

/// A command that reads, as a simple task (RFC 7143, section 11.3.1).
const READ_SIMPLE: u8 = 0x41;
const SIMPLE: u8 = 0x01;
/// How many commands are sent before an answer, if the target takes so many.
const MAX_PENDING: usize = 64;
/// How many times a command is sent if the unit is busy or has unit attentions, of which there may be several.
const MAX_TRIES: usize = 5;
/// How long busy units are left alone.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// The address of a logical unit, and the command for it.
pub(super) type Request = ([u8; 8], Command);

/// A command without an answer yet, and the data so far.
struct Pending<'a> {
    tag: u32,
    place: usize,
    command: &'a Command,
    data: Vec<u8>,
}

impl Exchanges {
    /// Sends commands, and those once more that a unit attention (as every unit has after a login) or a busy unit
    /// stopped. Responses have the order of `requests`.
    pub(super) async fn run(&mut self, requests: &[Request]) -> Result<Vec<Response>, Error> {
        let mut responses = self.run_once(requests).await?;
        for _ in 1..MAX_TRIES {
            let again = |at: &usize| responses[*at].has_attention() || responses[*at].is_busy();
            let places: Vec<usize> = (0..requests.len()).filter(again).collect();
            if places.is_empty() {
                break;
            }
            if responses.iter().any(Response::is_busy) {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            let repeated: Vec<Request> = places.iter().map(|at| requests[*at]).collect();
            for (at, response) in places.into_iter().zip(self.run_once(&repeated).await?) {
                responses[at] = response;
            }
        }
        Ok(responses)
    }

    /// One command is always sent, so that a target whose command window makes no sense is served too.
    async fn run_once(&mut self, requests: &[Request]) -> Result<Vec<Response>, Error> {
        let mut responses: Vec<Option<Response>> = vec![None; requests.len()];
        let mut waiting = requests.iter().enumerate();
        let mut pending: Vec<Pending<'_>> = Vec::new();
        let mut deadline = Instant::now() + self.limit;
        loop {
            while pending.is_empty() || (self.is_window_open() && pending.len() < MAX_PENDING) {
                let Some((place, request)) = waiting.next() else {
                    break;
                };
                pending.push(self.send(place, request));
            }
            let Some(first) = pending.first() else {
                return Ok(responses.into_iter().flatten().collect());
            };
            let error = |cause: Cause| cause.during(Exchange::Command(first.command.name));
            let is_pending = |tag| pending.iter().any(|one| one.tag == tag);
            let pdu = self.answer(is_pending, deadline).await.map_err(error)?;
            let Some(at) = pending.iter().position(|one| one.tag == pdu.number(16)) else {
                continue;
            };
            let name = pending[at].command.name;
            let response = take(&pdu, &mut pending[at]);
            if let Some(response) = response.map_err(|cause| cause.during(Exchange::Command(name)))? {
                responses[pending.swap_remove(at).place] = Some(response);
                deadline = Instant::now() + self.limit;
            }
        }
    }

    fn send<'a>(&mut self, place: usize, (lun, command): &'a Request) -> Pending<'a> {
        let attributes = if command.length > 0 { READ_SIMPLE } else { SIMPLE };
        let request = Pdu::new(opcode::SCSI_COMMAND)
            .put(1, &[FINAL | attributes])
            .put(8, lun)
            .put_number(20, command.length)
            .put(32, &command.cdb);
        Pending {
            tag: self.request(request),
            place,
            command,
            data: Vec::new(),
        }
    }
}

/// Takes one PDU of a command's answer; returns the response if the PDU was the last.
fn take(pdu: &Pdu, pending: &mut Pending<'_>) -> Result<Option<Response>, Cause> {
    match pdu.opcode() {
        opcode::DATA_IN => {
            read(pdu, pending)?;
            let is_last = pdu.byte(1) & STATUS != 0;
            Ok(is_last.then(|| Response::new(pdu.byte(3), std::mem::take(&mut pending.data), &[])))
        }
        opcode::SCSI_RESPONSE if pdu.byte(2) == 0 => {
            let data = std::mem::take(&mut pending.data);
            Ok(Some(Response::new(pdu.byte(3), data, pdu.data())))
        }
        opcode::SCSI_RESPONSE => Err(Violation::NotDelivered.into()),
        _ => Err(Violation::UnexpectedPdu.into()),
    }
}

/// Takes one piece of a command's data, never more than the command asked for (RFC 7143, section 11.7.4).
fn read(pdu: &Pdu, pending: &mut Pending<'_>) -> Result<(), Violation> {
    let begin = usize::try_from(pdu.number(40)).unwrap_or(usize::MAX);
    let end = begin.saturating_add(pdu.data().len());
    if end > usize::try_from(pending.command.length).unwrap_or(0) || begin > pending.data.len() {
        return Err(Violation::UnrequestedData);
    }
    pending.data.truncate(begin);
    pending.data.extend_from_slice(pdu.data());
    Ok(())
}
