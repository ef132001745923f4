//! A relay between an initiator and a target, on a free port of the loopback.
//!
//! It sees every request, counts how many round trips they need, and can hold a connection for good. Digests are not
//! understood.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

/// The length of a header (RFC 7143, section 11.2.1).
const BHS: usize = 48;
const NOP_IN: u8 = 0x20;
const DATA_IN: u8 = 0x25;
const LOGOUT_REQUEST: u8 = 0x06;

/// A relay, until the test's process ends.
pub(crate) struct Relay {
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

/// What a relay does and saw.
#[derive(Default)]
struct Seen {
    /// The operation code of the request at which a connection is held.
    held_at: Option<u8>,
    held: AtomicUsize,
    connections: Mutex<Vec<Arc<Mutex<Trips>>>>,
}

/// The round trips of one connection. A request needs one more than the last answer that it acknowledges.
#[derive(Default)]
struct Trips {
    /// The round trips of each request that waits for its answer, by its task tag.
    requests: HashMap<u32, usize>,
    /// The status numbers of the answers, with their round trips.
    answers: Vec<(u32, usize)>,
    most: usize,
    last: u8,
}

impl Trips {
    fn request(&mut self, bhs: &[u8]) {
        let (tag, acknowledged) = (number(bhs, 16), number(bhs, 28));
        let is_seen =
            |(status, _): &&(u32, usize)| (1..1 << 31).contains(&acknowledged.wrapping_sub(*status));
        let seen = self.answers.iter().filter(is_seen).map(|(_, trips)| *trips);
        let trips = seen.max().unwrap_or(0) + 1;
        self.requests.insert(tag, trips);
        self.most = self.most.max(trips);
        self.last = bhs[0] & 0x3f;
    }

    fn answer(&mut self, bhs: &[u8]) {
        // Pings answer nothing, and data has a status only at its end.
        if bhs[0] & 0x3f == NOP_IN || (bhs[0] & 0x3f == DATA_IN && bhs[1] & 0x01 == 0) {
            return;
        }
        if let Some(trips) = self.requests.get(&number(bhs, 16)) {
            self.answers.push((number(bhs, 24), *trips));
        }
    }
}

fn number(bhs: &[u8], at: usize) -> u32 {
    bhs[at..at + 4]
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

impl Relay {
    /// Passes everything on.
    pub(crate) fn start(port: u16) -> Self {
        Self::with(port, Seen::default())
    }

    /// Passes on everything but the first request with this operation code, and what follows it. If the initiator ends
    /// the connection, so does the relay.
    pub(crate) fn holding(port: u16, opcode: u8) -> Self {
        let held_at = Some(opcode);
        Self::with(
            port,
            Seen {
                held_at,
                ..Seen::default()
            },
        )
    }

    fn with(to: u16, seen: Seen) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(seen);
        let looking = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming() {
                let target = TcpStream::connect(("127.0.0.1", to)).unwrap();
                join(&client.unwrap(), &target, &looking);
            }
        });
        Self { port, seen }
    }

    /// How many connections are held, or were until their initiators ended them.
    pub(crate) fn held(&self) -> usize {
        self.seen.held.load(SeqCst)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.lock().unwrap().len()
    }

    /// How many round trips all connections took, one after the other: one to connect, and those of the requests.
    pub(crate) fn round_trips(&self) -> usize {
        let connections = self.seen.connections.lock().unwrap();
        connections
            .iter()
            .map(|trips| 1 + trips.lock().unwrap().most)
            .sum()
    }

    /// Whether the last request of every connection was a logout.
    pub(crate) fn is_logged_out(&self) -> bool {
        let connections = self.seen.connections.lock().unwrap();
        connections
            .iter()
            .all(|trips| trips.lock().unwrap().last == LOGOUT_REQUEST)
    }
}

/// Passes on both directions, in threads of their own.
fn join(client: &TcpStream, target: &TcpStream, seen: &Arc<Seen>) {
    client.set_nodelay(true).unwrap();
    target.set_nodelay(true).unwrap();
    let trips = Arc::<Mutex<Trips>>::default();
    seen.connections.lock().unwrap().push(Arc::clone(&trips));
    let (from, to) = (client.try_clone().unwrap(), target.try_clone().unwrap());
    let (looking, asked) = (Arc::clone(seen), Arc::clone(&trips));
    thread::spawn(move || {
        let _ = ask(&from, &to, &looking, &asked);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (from, to) = (target.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = answer(&from, &to, &trips);
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// Reads one PDU with its data segment.
fn read(mut from: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut pdu = vec![0; BHS];
    from.read_exact(&mut pdu)?;
    let length = usize::from(pdu[5]) << 16 | usize::from(pdu[6]) << 8 | usize::from(pdu[7]);
    pdu.resize(BHS + length.next_multiple_of(4), 0);
    from.read_exact(&mut pdu[BHS..])?;
    Ok(pdu)
}

fn ask(mut from: &TcpStream, mut to: &TcpStream, seen: &Seen, trips: &Mutex<Trips>) -> std::io::Result<()> {
    loop {
        let request = read(from)?;
        trips.lock().unwrap().request(&request);
        if seen.held_at == Some(request[0] & 0x3f) {
            seen.held.fetch_add(1, SeqCst);
            return std::io::copy(&mut from, &mut std::io::sink()).map(drop);
        }
        to.write_all(&request)?;
    }
}

fn answer(from: &TcpStream, mut to: &TcpStream, trips: &Mutex<Trips>) -> std::io::Result<()> {
    loop {
        let answer = read(from)?;
        trips.lock().unwrap().answer(&answer);
        to.write_all(&answer)?;
    }
}
