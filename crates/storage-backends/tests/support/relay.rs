//! A relay between an initiator and a target, on a free port of the loopback. It sees every request, counts the turns,
//! and can hold a connection up for ever. Digests are not understood.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

/// The length of a request's header (RFC 7143, section 11.2.1).
const BHS: usize = 48;

/// A relay, until the test's process ends.
pub(crate) struct Relay {
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

/// What a relay saw.
#[derive(Default)]
struct Seen {
    /// The operation code of the request at which a connection is held up.
    held_at: Option<u8>,
    held: AtomicUsize,
    connections: AtomicUsize,
    turns: AtomicUsize,
    requests: Mutex<Vec<u8>>,
}

impl Relay {
    /// A relay to a target on this port.
    pub(crate) fn to(port: u16) -> Self {
        Self::start(port, None)
    }

    /// A relay that passes on everything but the first request with this operation code, and what follows it. Where the
    /// initiator ends the connection, so does the relay.
    pub(crate) fn holding(port: u16, opcode: u8) -> Self {
        Self::start(port, Some(opcode))
    }

    fn start(to: u16, held_at: Option<u8>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen {
            held_at,
            ..Seen::default()
        });
        let looking = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming() {
                looking.connections.fetch_add(1, SeqCst);
                join(
                    &client.unwrap(),
                    &TcpStream::connect(("127.0.0.1", to)).unwrap(),
                    &looking,
                );
            }
        });
        Self { port, seen }
    }

    /// How many connections are held up, or were until their initiators ended them.
    pub(crate) fn held(&self) -> usize {
        self.seen.held.load(SeqCst)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    /// How many times somebody had to wait for an answer: requests that were sent together count once.
    pub(crate) fn turns(&self) -> usize {
        self.seen.turns.load(SeqCst)
    }

    /// The operation codes of all requests.
    pub(crate) fn requests(&self) -> Vec<u8> {
        self.seen.requests.lock().unwrap().clone()
    }
}

/// Passes on both directions, in threads of their own.
fn join(client: &TcpStream, target: &TcpStream, seen: &Arc<Seen>) {
    let answered = Arc::new(AtomicBool::new(true));
    let (from, to) = (client.try_clone().unwrap(), target.try_clone().unwrap());
    let (looking, was_answered) = (Arc::clone(seen), Arc::clone(&answered));
    thread::spawn(move || {
        let _ = ask(&from, &to, &looking, &was_answered);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (from, to) = (target.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = answer(&from, &to, &answered);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn ask(mut from: &TcpStream, mut to: &TcpStream, seen: &Seen, answered: &AtomicBool) -> std::io::Result<()> {
    loop {
        let mut request = vec![0; BHS];
        from.read_exact(&mut request)?;
        let length = usize::from(request[5]) << 16 | usize::from(request[6]) << 8 | usize::from(request[7]);
        request.resize(BHS + length.next_multiple_of(4), 0);
        from.read_exact(&mut request[BHS..])?;
        let opcode = request[0] & 0x3f;
        seen.requests.lock().unwrap().push(opcode);
        if seen.held_at == Some(opcode) {
            seen.held.fetch_add(1, SeqCst);
            return std::io::copy(&mut from, &mut std::io::sink()).map(drop);
        }
        if answered.swap(false, SeqCst) {
            seen.turns.fetch_add(1, SeqCst);
        }
        to.write_all(&request)?;
    }
}

fn answer(mut from: &TcpStream, mut to: &TcpStream, answered: &AtomicBool) -> std::io::Result<()> {
    let mut chunk = [0; 16 * 1024];
    loop {
        let length = from.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        answered.store(true, SeqCst);
        to.write_all(&chunk[..length])?;
    }
}
