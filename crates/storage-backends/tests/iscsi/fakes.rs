//! Targets that misbehave, or do what tgt can't: each is told from the others, and none holds a probe up.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::iscsi::MAX_REDIRECTS;
use storage_backends::iscsi::pdu::{Digests, NO_TAG, Pdu, opcode};
use storage_backends::iscsi::text;
use storage_domain::ProbeReport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{IQN, backend, check, failure, probe, short};

/// How a fake differs from a good target.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
struct Knobs {
    /// Sends these bytes instead of any answer, and goes on to say nothing.
    says: Option<Vec<u8>>,
    /// Hangs up when it is spoken to.
    hangs_up: bool,
    /// Answers logins to the target with this status, and with this address.
    status: Option<(u16, String)>,
    /// Chooses digests.
    digests: bool,
    /// Pings before every answer to a command.
    pings: bool,
    /// Has news before it carries out this many commands.
    attentions: usize,
    /// Does not know READ CAPACITY (16).
    old: bool,
    /// Sends text in two parts.
    parts: bool,
    /// Sends more data than was asked for.
    floods: bool,
}

/// What a fake saw.
#[derive(Debug, Default)]
struct Saw {
    pongs: usize,
    logouts: usize,
    logins: usize,
}

struct Fake {
    port: u16,
    saw: Arc<Mutex<Saw>>,
}

impl Fake {
    async fn start(knobs: Knobs) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let saw = Arc::<Mutex<Saw>>::default();
        let seen = Arc::clone(&saw);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let talk = Talk {
                    stream,
                    knobs: knobs.clone(),
                    saw: Arc::clone(&seen),
                    digests: Digests::default(),
                    stat_sn: 7,
                    normal: false,
                };
                tokio::spawn(talk.serve());
            }
        });
        Self { port, saw }
    }

    async fn probe(&self, config: Value) -> ProbeReport {
        probe(&backend(self.port, config, short())).await
    }
}

/// A request as the fake reads it.
struct Request {
    bhs: [u8; 48],
    data: Vec<u8>,
}

struct Talk {
    stream: TcpStream,
    knobs: Knobs,
    saw: Arc<Mutex<Saw>>,
    digests: Digests,
    stat_sn: u32,
    normal: bool,
}

impl Talk {
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

    async fn send(&mut self, pdu: Pdu, request: &Request) -> Option<()> {
        let pdu = pdu.put(16, &request.bhs[16..20]).put_number(24, self.stat_sn);
        self.stat_sn += 1;
        self.write(&pdu).await
    }

    async fn write(&mut self, pdu: &Pdu) -> Option<()> {
        let mut out = BytesMut::new();
        pdu.encode(self.digests, &mut out);
        self.stream.write_all(&out).await.ok()
    }

    async fn serve(mut self) -> Option<()> {
        loop {
            let request = self.read().await?;
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
                opcode::SCSI_COMMAND => self.command(&request).await?,
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

    async fn login(&mut self, request: &Request) -> Option<()> {
        let flags = request.bhs[1];
        let pairs = text::pairs(&request.data).unwrap();
        self.normal |= pairs.contains(&("SessionType", "Normal"));
        let response = Pdu::new(opcode::LOGIN_RESPONSE)
            .put(1, &[flags])
            .put(8, &request.bhs[8..16]);
        if let Some((status, address)) = self.knobs.status.clone().filter(|_| self.normal) {
            let data = text::write([("TargetAddress", address.as_str())]);
            let response = response.put(36, &status.to_be_bytes()).with_data(data);
            return self.send(response, request).await;
        }
        let operational = flags & 0x0c == 0x04;
        let digests = self.knobs.digests && operational;
        let data = match (operational, digests) {
            (false, _) => text::write([("AuthMethod", "None"), ("TargetPortalGroupTag", "1")]),
            (true, false) => text::write([("HeaderDigest", "None"), ("DataDigest", "None")]),
            (true, true) => text::write([("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")]),
        };
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
        let whole = text::write([("TargetName", IQN), ("TargetAddress", "0.0.0.0:3260,1")]);
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

    async fn command(&mut self, request: &Request) -> Option<()> {
        if self.knobs.pings {
            let ping = Pdu::new(opcode::NOP_IN)
                .put(1, &[0x80])
                .put_number(16, NO_TAG)
                .put_number(20, 0x1234)
                .put_number(24, self.stat_sn);
            self.write(&ping).await?;
        }
        let cdb = &request.bhs[32..48];
        let status = Pdu::new(opcode::SCSI_RESPONSE).put(1, &[0x80]);
        let sense = |key: u8| {
            vec![
                0, 18, 0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0,
            ]
        };
        if self.knobs.attentions > 0 {
            self.knobs.attentions -= 1;
            return self.send(status.put(3, &[2]).with_data(sense(6)), request).await;
        }
        let data = match cdb[0] {
            0x00 => return self.send(status, request).await,
            0x12 if cdb[1] == 1 => vec![0, 0x80, 0, 4, b'f', b'a', b'k', b'e'],
            0x12 => [&[0, 0, 6, 2, 31, 0, 0, 0][..], b"FAKE    DISK            0001"].concat(),
            0xa0 => vec![0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
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

#[rstest]
#[case::plain(Knobs::default(), 16 * 512)]
#[case::digests(Knobs { digests: true, ..Knobs::default() }, 16 * 512)]
#[case::pings(Knobs { pings: true, ..Knobs::default() }, 16 * 512)]
#[case::news(Knobs { attentions: 3, ..Knobs::default() }, 16 * 512)]
#[case::old(Knobs { old: true, ..Knobs::default() }, 8 * 512)]
#[case::text_in_parts(Knobs { parts: true, ..Knobs::default() }, 16 * 512)]
#[case::all(Knobs { digests: true, pings: true, attentions: 2, old: true, parts: true, ..Knobs::default() }, 8 * 512)]
#[tokio::test]
async fn is_understood(#[case] knobs: Knobs, #[case] bytes: u64) {
    let fake = Fake::start(knobs.clone()).await;
    let report = fake.probe(json!({})).await;
    assert!(report.passed(), "{report:#?}");
    let targets = report.targets.unwrap();
    let luns = targets[0].luns.as_ref().unwrap();
    assert_eq!(
        (luns[0].vendor.as_str(), luns[0].serial.as_deref()),
        ("FAKE", Some("fake"))
    );
    assert_eq!(report.capacity.unwrap().total.get(), bytes);
    let saw = fake.saw.lock().unwrap();
    assert_eq!((saw.logins, saw.logouts), (2, 2), "{saw:?}");
    assert!(!knobs.pings || saw.pongs >= 4, "{saw:?}");
}

fn header(opcode: u8, length: [u8; 3]) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[0] = opcode;
    bytes[5..8].copy_from_slice(&length);
    bytes
}

#[rstest]
#[case::silent(Knobs { says: Some(Vec::new()), ..Knobs::default() }, "sent no answer within 0.4 s")]
#[case::half_a_header(Knobs { says: Some(vec![0x23; 20]), ..Knobs::default() }, "sent no answer within 0.4 s")]
#[case::hangs_up(Knobs { hangs_up: true, ..Knobs::default() }, "closed the connection instead of answering the login")]
#[case::web_server(Knobs { says: Some(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n".to_vec()), ..Knobs::default() }, "is not an iSCSI target")]
#[case::ssh(Knobs { says: Some(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 and so on, and so on\r\n".to_vec()), ..Knobs::default() }, "is not an iSCSI target")]
#[case::too_long(Knobs { says: Some(header(0x23, [0xff, 0xff, 0xff])), ..Knobs::default() }, "is not an iSCSI target")]
#[case::something_else(Knobs { says: Some(header(0x26, [0, 0, 0])), ..Knobs::default() }, "answers a login with something else")]
#[case::rejects(Knobs { says: Some(header(0x3f, [0, 0, 0])), ..Knobs::default() }, "rejected the login")]
#[case::bad_text(Knobs { says: Some([header(0x23, [0, 0, 4]), b"none".to_vec()].concat()), ..Knobs::default() }, "no key=value pair")]
#[case::endless_login(Knobs { says: Some(header(0x23, [0, 0, 0])), ..Knobs::default() }, "its login has no end")]
#[tokio::test]
async fn is_told_apart(#[case] knobs: Knobs, #[case] says: &str) {
    let fake = Fake::start(knobs).await;
    let started = Instant::now();
    let report = fake.probe(json!({"iqn": IQN})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "discover");
    assert!(detail.contains(says), "{detail}");
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn more_than_was_asked_for_is_not_taken() {
    let fake = Fake::start(Knobs {
        floods: true,
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "luns");
    assert!(detail.contains("data that was not asked for"), "{detail}");
    assert_eq!(fake.saw.lock().unwrap().logouts, 2);
}

#[rstest]
#[case::forbidden(0x0202, "does not admit this initiator: allow iqn.")]
#[case::removed(0x0204, "was removed")]
#[case::out_of_service(0x0301, "out of service")]
#[case::moved_nowhere(0x0101, "an address that can't be read")]
#[case::something(0x02ff, "refused the login (status 0x02ff)")]
#[tokio::test]
async fn every_refusal_has_its_sentence(#[case] status: u16, #[case] says: &str) {
    let fake = Fake::start(Knobs {
        status: Some((status, String::new())),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({"iqn": IQN})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    assert!(detail.contains(says), "{detail}");
}

#[rstest]
#[case::for_now(0x0101, "sends sessions for now")]
#[case::for_good(0x0102, "has moved for good: set target to it")]
#[tokio::test]
async fn a_target_that_has_moved_is_followed(#[case] status: u16, #[case] says: &str) {
    let real = Fake::start(Knobs::default()).await;
    let there = format!("127.0.0.1:{}", real.port);
    let fake = Fake::start(Knobs {
        status: Some((status, format!("{there},1"))),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({})).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "login").detail;
    assert!(detail.contains(says) && detail.contains(&there), "{detail}");
    assert_eq!(real.saw.lock().unwrap().logouts, 1);
}

#[tokio::test]
async fn a_target_that_moved_to_where_nothing_is_is_told() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let nowhere = Knobs {
        status: Some((0x0101, format!("127.0.0.1:{port}"))),
        ..Knobs::default()
    };
    let fake = Fake::start(nowhere).await;
    let report = fake.probe(json!({})).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "login");
    assert!(
        detail.contains("has moved to") && detail.contains("refused the connection"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_few_moves_are_followed_and_no_more() {
    let mut fake = Fake::start(Knobs::default()).await;
    for moves in 1..=MAX_REDIRECTS + 1 {
        let there = format!("127.0.0.1:{}", fake.port);
        fake = Fake::start(Knobs {
            status: Some((0x0101, there)),
            ..Knobs::default()
        })
        .await;
        let report = fake.probe(json!({})).await;
        if moves <= MAX_REDIRECTS {
            assert!(report.passed(), "{report:#?}");
        } else {
            let (name, detail) = failure(&report);
            assert_eq!(name, "login");
            assert!(detail.contains("has moved more than 3 times"), "{detail}");
        }
    }
}
