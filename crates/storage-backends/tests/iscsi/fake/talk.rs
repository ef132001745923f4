//! One connection of a fake, from the login to the logout.

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use iscsi_initiator::pdu::{Digests, NO_TAG, Pdu, opcode};
use iscsi_initiator::text;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ChapFault, Fault, FirstCommand, Knobs, NoLun0, ReflectedOf, Saw};
use crate::iscsi::IQN;

/// A request as the fake reads it.
pub(super) struct Request {
    pub(super) bhs: [u8; 48],
    pub(super) data: Vec<u8>,
}

/// One connection.
pub(super) struct Talk {
    stream: TcpStream,
    knobs: Knobs,
    pub(super) saw: Arc<Mutex<Saw>>,
    /// What logs in to which target, as it said.
    pub(super) target: String,
    digests: Digests,
    stat_sn: u32,
    normal: bool,
    /// Whether digests are offered.
    offered: bool,
    /// The rest of a login's text.
    rest: Option<Vec<u8>>,
    /// The command that is answered after the next one.
    kept: Option<Request>,
}

impl Talk {
    pub(super) fn new(stream: TcpStream, knobs: Knobs, saw: Arc<Mutex<Saw>>) -> Self {
        Self {
            stream,
            knobs,
            saw,
            target: String::new(),
            digests: Digests::default(),
            stat_sn: 7,
            normal: false,
            offered: false,
            rest: None,
            kept: None,
        }
    }

    async fn read(&mut self) -> Option<Request> {
        let mut bhs = [0; 48];
        self.stream.read_exact(&mut bhs).await.ok()?;
        if self.digests.header {
            self.stream.read_u32().await.ok()?;
        }
        let length = usize::from(u16::from_be_bytes([bhs[6], bhs[7]]));
        let mut data = vec![0; length.next_multiple_of(4)];
        self.stream.read_exact(&mut data).await.ok()?;
        if self.digests.data && length > 0 {
            self.stream.read_u32().await.ok()?;
        }
        data.truncate(length);
        Some(Request { bhs, data })
    }

    pub(super) async fn send(&mut self, pdu: Pdu, request: &Request) -> Option<()> {
        let window = if self.knobs.swaps { 64 } else { 0 };
        let pdu = pdu
            .put(16, &request.bhs[16..20])
            .put_number(24, self.stat_sn)
            .put_number(32, window);
        self.stat_sn += 1;
        self.write(&pdu).await
    }

    async fn write(&mut self, pdu: &Pdu) -> Option<()> {
        let mut out = BytesMut::new();
        pdu.encode(self.digests, &mut out);
        let damaged = self.knobs.damages.filter(|_| pdu.opcode() == opcode::DATA_IN);
        match damaged {
            // The digest of the header follows the 48 bytes of it; that of the data is last.
            Some(Fault::Header) => out[48] ^= 1,
            Some(Fault::Data) => *out.last_mut().unwrap() ^= 1,
            None => {}
        }
        self.stream.write_all(&out).await.ok()
    }

    pub(super) async fn serve(mut self) -> Option<()> {
        loop {
            let request = self.read().await?;
            if self.is_held() {
                continue;
            }
            if self.knobs.hangs_up {
                return None;
            }
            if let Some(bytes) = self.knobs.says.clone() {
                self.stream.write_all(&bytes).await.ok()?;
                continue;
            }
            match request.bhs[0] & 0x3f {
                opcode::LOGIN_REQUEST => self.login(&request).await?,
                opcode::TEXT_REQUEST => self.text(&request).await?,
                opcode::SCSI_COMMAND if self.knobs.first_command == Some(FirstCommand::HangsUp) => {
                    return None;
                }
                opcode::SCSI_COMMAND if self.knobs.first_command == Some(FirstCommand::Ignored) => {}
                opcode::SCSI_COMMAND if self.knobs.swaps && request.bhs[32] == 0 => self.kept = Some(request),
                opcode::SCSI_COMMAND => {
                    self.command(&request).await?;
                    if let Some(kept) = self.kept.take() {
                        self.command(&kept).await?;
                    }
                }
                opcode::NOP_OUT => self.saw.lock().unwrap().pongs += 1,
                opcode::LOGOUT_REQUEST => {
                    self.saw.lock().unwrap().logouts += 1;
                    self.send(Pdu::new(opcode::LOGOUT_RESPONSE).put(1, &[0x80]), &request)
                        .await?;
                    return None;
                }
                _ => return None,
            }
        }
    }

    /// Counts a request; whether it is left without an answer.
    fn is_held(&self) -> bool {
        let mut saw = self.saw.lock().unwrap();
        saw.requests += 1;
        let is_held = self.knobs.holds == Some(saw.requests);
        saw.held |= is_held;
        is_held
    }

    async fn login(&mut self, request: &Request) -> Option<()> {
        let flags = request.bhs[1];
        let pairs = text::pairs(&request.data).unwrap();
        self.normal |= pairs.contains(&("SessionType", "Normal".into()));
        let response = Pdu::new(opcode::LOGIN_RESPONSE)
            .put(1, &[flags])
            .put(8, &request.bhs[8..16]);
        if let Some((status, address)) = self.knobs.status.clone().filter(|_| self.normal) {
            let data = text::write([("TargetAddress", address.as_str())]);
            let response = response.put(36, &status.to_be_bytes()).with_data(data);
            return self.send(response, request).await;
        }
        let refusal = self.knobs.no_discovery.filter(|_| !self.normal);
        if let Some(status) = refusal {
            return self.send(response.put(36, &status.to_be_bytes()), request).await;
        }
        let operational = flags & 0x0c == 0x04;
        if self.knobs.closes_security && !operational {
            return None;
        }
        if let Some(rest) = self.rest.take() {
            return self.send(response.with_data(rest), request).await;
        }
        if let Some(chap) = self.knobs.chap.clone().filter(|_| self.normal && !operational) {
            return self.prove(request, &chap).await;
        }
        self.offered |= pairs.contains(&("HeaderDigest", "None,CRC32C".into()));
        let digests = self.knobs.digests && operational && self.offered;
        let mut data = match (operational, digests) {
            (false, _) => text::write([("AuthMethod", "None"), ("TargetPortalGroupTag", "1")]),
            (true, false) => text::write([("HeaderDigest", "None"), ("DataDigest", "None")]),
            (true, true) => text::write([("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")]),
        };
        if self.knobs.latin {
            data.extend_from_slice(b"TargetAlias=B\xfcro\0");
        }
        if self.knobs.login_parts && !request.data.is_empty() {
            // The first part ends in the middle of a key, and no stage ends with it (RFC 7143, section 6.2).
            let (first, rest) = data.split_at(5);
            self.rest = Some(rest.to_vec());
            let response = response.put(1, &[0x40 | flags & 0x0c]).with_data(first.to_vec());
            return self.send(response, request).await;
        }
        self.send(response.with_data(data), request).await?;
        if operational {
            self.saw.lock().unwrap().logins += 1;
            self.digests = Digests {
                header: digests,
                data: digests,
            };
        }
        Some(())
    }

    async fn text(&mut self, request: &Request) -> Option<()> {
        let mut told = vec![("TargetName", IQN), ("TargetAddress", "0.0.0.0:3260,1")];
        for portal in &self.knobs.portals {
            told.extend([("TargetName", IQN), ("TargetAddress", portal)]);
        }
        if let Some(ChapFault::Reflects(ReflectedOf(other, _))) =
            self.knobs.chap.as_ref().and_then(|chap| chap.fault.as_ref())
        {
            told.push(("TargetName", *other));
        }
        let whole = text::write(told);
        let (first, rest) = whole.split_at(20);
        let response = |flags: u8, transfer: u32, data: &[u8]| {
            Pdu::new(opcode::TEXT_RESPONSE)
                .put(1, &[flags])
                .put_number(20, transfer)
                .with_data(data.to_vec())
        };
        let asked = request.bhs[20..24] != NO_TAG.to_be_bytes();
        let pdu = match (self.knobs.parts, asked) {
            (false, _) => response(0x80, NO_TAG, &whole),
            (true, false) => response(0x40, 5, first),
            (true, true) => response(0x80, NO_TAG, rest),
        };
        self.send(pdu, request).await
    }

    /// The list of logical units, as much of it as was asked for.
    fn units(&self, cdb: &[u8]) -> Vec<u8> {
        let units = self.knobs.units.unwrap_or(1);
        let mut list = [u32::from(units) * 8, 0].map(u32::to_be_bytes).concat();
        for number in 0..units {
            list.extend_from_slice(&flat(number));
            list.extend_from_slice(&[0; 6]);
        }
        let asked = u32::from_be_bytes(*cdb[6..].first_chunk().unwrap());
        list.truncate(asked as usize);
        list
    }

    async fn command(&mut self, request: &Request) -> Option<()> {
        if self.knobs.pings {
            let ping = Pdu::new(opcode::NOP_IN)
                .put(1, &[0x80])
                .put_number(16, NO_TAG)
                .put_number(20, 0x1234)
                .put_number(24, self.stat_sn);
            self.write(&ping).await?;
        }
        if self.knobs.ends {
            // RFC 7143, section 11.9.1: event 1.
            let end = Pdu::new(opcode::ASYNC_MESSAGE).put(36, &[1]);
            return self.send(end.put(1, &[0x80]), request).await;
        }
        let cdb = &request.bhs[32..48];
        let status = Pdu::new(opcode::SCSI_RESPONSE).put(1, &[0x80]);
        let sense_of = |[key, code, qualifier]: [u8; 3]| {
            vec![
                0, 18, 0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0,
            ]
        };
        let sense = |key: u8| sense_of([key, 0x29, 0]);
        if let (0x00, Some(reason)) = (cdb[0], self.knobs.not_ready) {
            return self
                .send(status.put(3, &[2]).with_data(sense_of(reason)), request)
                .await;
        }
        let lists = match self.knobs.no_lun_0 {
            None => true,
            Some(NoLun0::WellKnownUnit) => request.bhs[8..10] == [0xc1, 1],
            Some(NoLun0::Nowhere) => false,
        };
        if cdb[0] == 0xa0 && !lists {
            return self
                .send(status.put(3, &[2]).with_data(sense_of([5, 0x25, 0])), request)
                .await;
        }
        if self.knobs.attentions > 0 {
            self.knobs.attentions -= 1;
            return self.send(status.put(3, &[2]).with_data(sense(6)), request).await;
        }
        if cdb[0] == 0x12
            && self
                .knobs
                .mute
                .is_some_and(|mute| request.bhs[8..10] == flat(mute))
        {
            return self.send(status.put(3, &[2]).with_data(sense(5)), request).await;
        }
        let data = match cdb[0] {
            0x00 => return self.send(status, request).await,
            0x12 if cdb[1] == 1 => vec![0, 0x80, 0, 4, b'f', b'a', b'k', b'e'],
            0x12 => [&[0, 0, 6, 2, 31, 0, 0, 0][..], b"FAKE    DISK            0001"].concat(),
            0xa0 => self.units(cdb),
            0x25 => vec![0, 0, 0, 7, 0, 0, 2, 0],
            0x9e if self.knobs.old => {
                return self.send(status.put(3, &[2]).with_data(sense(5)), request).await;
            }
            0x9e => [&[0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 2, 0][..], &[0; 20]].concat(),
            _ => return None,
        };
        let data = if self.knobs.floods { vec![0; 60_000] } else { data };
        // The status comes with the data.
        let answer = Pdu::new(opcode::DATA_IN).put(1, &[0x81]).with_data(data);
        self.send(answer, request).await
    }
}

/// The address of a logical unit: the peripheral form, and the flat one from 256 on (SAM-5, section 4.7.7).
fn flat(number: u16) -> [u8; 2] {
    if number < 256 {
        number.to_be_bytes()
    } else {
        (0x4000 | number).to_be_bytes()
    }
}
