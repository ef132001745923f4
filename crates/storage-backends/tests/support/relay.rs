//! A relay between an initiator and a target, on a free port of the loopback. It sees every request, can
//! make the way back long, and can hold a connection up for ever. Digests are not understood.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// The length of a request's header (RFC 7143, section 11.2.1).
const BHS: usize = 48;

/// A relay, until the test's process ends.
pub(crate) struct Relay {
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

/// What a relay does and saw.
#[derive(Default)]
struct Seen {
    /// How much later answers arrive.
    delay: Duration,
    /// The operation code of the request at which a connection is held up.
    held_at: Option<u8>,
    held: AtomicUsize,
    connections: AtomicUsize,
    requests: Mutex<Vec<u8>>,
}

impl Relay {
    /// A relay to a target that is so far away.
    pub(crate) fn slow(port: u16, delay: Duration) -> Self {
        Self::start(
            port,
            Seen {
                delay,
                ..Seen::default()
            },
        )
    }

    /// A relay that passes on everything but the first request with this operation code, and what follows it. Where the
    /// initiator ends the connection, so does the relay.
    pub(crate) fn holding(port: u16, opcode: u8) -> Self {
        let held_at = Some(opcode);
        Self::start(
            port,
            Seen {
                held_at,
                ..Seen::default()
            },
        )
    }

    fn start(to: u16, seen: Seen) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(seen);
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

    /// The operation codes of all requests.
    pub(crate) fn requests(&self) -> Vec<u8> {
        self.seen.requests.lock().unwrap().clone()
    }
}

/// Passes on both directions, in threads of their own.
fn join(client: &TcpStream, target: &TcpStream, seen: &Arc<Seen>) {
    client.set_nodelay(true).unwrap();
    target.set_nodelay(true).unwrap();
    let (from, to) = (client.try_clone().unwrap(), target.try_clone().unwrap());
    let looking = Arc::clone(seen);
    thread::spawn(move || {
        let _ = ask(&from, &to, &looking);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (due, delayed) = mpsc::channel();
    let (from, delay) = (target.try_clone().unwrap(), seen.delay);
    thread::spawn(move || read(&from, delay, &due));
    let to = client.try_clone().unwrap();
    thread::spawn(move || {
        let _ = answer(&to, &delayed);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn ask(mut from: &TcpStream, mut to: &TcpStream, seen: &Seen) -> std::io::Result<()> {
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
        to.write_all(&request)?;
    }
}

/// Reads answers, and notes when each is due.
fn read(mut from: &TcpStream, delay: Duration, due: &mpsc::Sender<(Instant, Vec<u8>)>) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        if due
            .send((Instant::now() + delay, chunk[..length].to_vec()))
            .is_err()
        {
            return;
        }
    }
}

/// Passes answers on when they are due.
fn answer(mut to: &TcpStream, delayed: &mpsc::Receiver<(Instant, Vec<u8>)>) -> std::io::Result<()> {
    for (due, chunk) in delayed {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        to.write_all(&chunk)?;
    }
    Ok(())
}
