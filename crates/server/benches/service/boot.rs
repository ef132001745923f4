//! Boot files, beside nginx with sendfile(2) on the same files.

mod client;
mod nginx;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use self::client::Client;
use self::nginx::Nginx;
use crate::figures::{self, Table};
use crate::host::{self, Service, command};
use crate::{family, load};

/// How often this and nginx are measured in turns.
const ROUNDS: usize = 5;
/// Clients that read as fast as they can.
const CONNECTIONS: u32 = 16;
const LARGE: (&str, usize) = ("large.iso", 256 << 20);
/// A file of the size of a boot loader, and how long it is asked for.
const SMALL: (&str, usize) = ("small.efi", 1_000_000);
const SPAN: Duration = Duration::from_secs(2);
/// Clients that take nothing of an answer, from addresses of which one may have an eighth of all connections, and their file:
/// larger than what the kernel holds for one.
const STALLED: usize = 1000;
const ADDRESSES: u8 = 10;
const MEDIUM: (&str, usize) = ("medium.img", 16 << 20);
/// How long the buffers get to fill.
const FILL: Duration = Duration::from_secs(3);
/// The backend's place at the boot listener.
const PLACE: &str = "/b/boot";

/// Processor seconds for a GiB, of nginx's.
const TIME_OF_NGINX: f64 = 1.25;
/// Requests a second with one processor for the server and one for the clients, of nginx's.
const RATE_OF_NGINX: f64 = 0.9;
const STALLED_MB: f64 = 60.0;

/// A server and where it has the files.
struct Peer {
    pid: u32,
    address: SocketAddr,
    place: &'static str,
}

impl Peer {
    fn clients(&self, count: u32, file: &str) -> Vec<Client> {
        let path = format!("{}/{file}", self.place);
        (0..count).map(|_| Client::fast(self.address, &path)).collect()
    }
}

/// Measures what files cost that were fetched before, the memory of clients that stall, and requests a second.
pub(crate) fn measure(table: &mut Table, home: &Path) {
    host::raise_descriptors();
    let files = home.join("boot-files");
    std::fs::create_dir(&files).expect("a directory can be made");
    // One is the storage; the other is compared with, and does nothing else.
    let [storage, peer] = ["storage", "peer"].map(|name| Nginx::start(&home.join(name), &files));
    let (service, boot) = Service::start_booting(&home.join("boot"));
    let body = format!(
        r#"{{"name": "boot", "type": "http", "boot_path": "/", "config": {{"base_url": "http://{}"}}}}"#,
        storage.address
    );
    load::register(service.address, &body);
    for (name, bytes) in [LARGE, MEDIUM, SMALL] {
        let content = content(bytes);
        std::fs::write(files.join(name), &content).expect("a file can be made");
        // Whatever the service keeps of a file it has afterwards, and it is the file.
        let (status, fetched) = load::get(boot, &format!("{PLACE}/{name}"));
        assert!(status == 200 && fetched == content, "{name}: {status}");
    }
    let ours = Peer {
        pid: service.pid(),
        address: boot,
        place: PLACE,
    };
    let theirs = Peer {
        pid: peer.pid(),
        address: peer.address,
        place: "",
    };

    let (here, nginx) = figures::middle_of(ROUNDS, || (time_for_a_gib(&ours), time_for_a_gib(&theirs)));
    figures::note(&format!("{here:.3} s/GiB, nginx {nginx:.3} s/GiB"));
    table.at_most(
        "boot file: processor time for a GiB, of nginx's",
        here / nginx,
        TIME_OF_NGINX,
        "",
    );

    let idle = family::memory(ours.pid);
    let held = memory_of_stalled(&ours);
    figures::note(&format!("{idle:.0} MB before"));
    table.at_most("1000 stalled boot clients: memory", held, STALLED_MB, "MB");

    // All servers on one processor, and all that the clients do on another.
    let (first, last) = processors();
    for pid in [ours.pid, theirs.pid, storage.pid()] {
        for pid in family::of(pid) {
            pin(pid, &first);
        }
    }
    pin(std::process::id(), &last);
    let (here, nginx) = figures::middle_of(ROUNDS, || (rate(&ours), rate(&theirs)));
    figures::note(&format!("{here:.0} requests/s, nginx {nginx:.0} requests/s"));
    table.at_least(
        "boot file of 1 MB: rate, of nginx's",
        here / nginx,
        RATE_OF_NGINX,
        "",
    );
}

/// So many bytes of text in which no two lines are alike.
fn content(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    for line in 0.. {
        if text.len() >= bytes {
            break;
        }
        writeln!(text, "line {line} of a file from which a machine boots").expect("memory takes it");
    }
    text.truncate(bytes);
    text
}

/// The processor seconds of a server and its helpers for a GiB.
fn time_for_a_gib(peer: &Peer) -> f64 {
    let clients = peer.clients(CONNECTIONS, LARGE.0);
    let before = family::processor_time(peer.pid);
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| std::thread::spawn(move || client.fetch(LARGE.1)))
        .collect();
    for reader in readers {
        reader.join().expect("a client gets its file");
    }
    let spent = family::processor_time(peer.pid).saturating_sub(before);
    // Four of the files are a GiB.
    spent.as_secs_f64() / f64::from(CONNECTIONS / 4)
}

/// The most resident memory of a server and its helpers in MB, while clients take nothing after the head.
fn memory_of_stalled(peer: &Peer) -> f64 {
    let path = format!("{}/{}", peer.place, MEDIUM.0);
    let sources = (1..=ADDRESSES).cycle().take(STALLED);
    let mut clients: Vec<_> = sources
        .map(|source| {
            let mut client = Client::slow(peer.address, &path, source);
            client.begin(MEDIUM.1);
            client
        })
        .collect();
    let mut most: f64 = 0.0;
    let end = Instant::now() + FILL;
    while Instant::now() < end {
        most = most.max(family::memory(peer.pid));
        std::thread::sleep(Duration::from_millis(100));
    }
    clients.iter_mut().for_each(Client::expect_more);
    most
}

/// How many files a second a server sends.
fn rate(peer: &Peer) -> f64 {
    let clients = peer.clients(CONNECTIONS, SMALL.0);
    let end = Instant::now() + SPAN;
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || {
                let mut fetched = 0_u32;
                while Instant::now() < end {
                    client.fetch(SMALL.1);
                    fetched += 1;
                }
                fetched
            })
        })
        .collect();
    let fetched = readers
        .into_iter()
        .map(|reader| reader.join().expect("a client gets its files"));
    f64::from(fetched.sum::<u32>()) / SPAN.as_secs_f64()
}

/// The first and the last processor that this process may use.
fn processors() -> (String, String) {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process is there");
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut numbers = allowed.expect("it may use some").trim().split([',', '-']);
    let first = numbers.next().expect("a number").to_owned();
    let last = numbers
        .next_back()
        .expect("two processors, for the server and the clients");
    (first, last.to_owned())
}

/// Lets a process and its threads use one processor only.
fn pin(pid: u32, processor: &str) {
    let pid = pid.to_string();
    let done = command("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", processor, &pid])
        .output()
        .expect("util-linux is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
