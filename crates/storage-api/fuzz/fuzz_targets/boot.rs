//! Requests of machines that boot: whatever they are, the answers are whole, and nothing beside `boot_path` is among them.
#![no_main]

#[expect(dead_code, reason = "nothing is asked of the API")]
mod service;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::rt::{System, SystemRunner};
use libfuzzer_sys::fuzz_target;
use service::Service;
use storage_api::{Access, Boot};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const PRIVATE: &[u8] = b"a secret";
const FILES: [(&str, &[u8]); 4] = [
    ("/boot/a", b"0123456789"),
    ("/boot/b/c.efi", b"abcdef"),
    ("/boots/a", PRIVATE),
    ("/a", PRIVATE),
];
/// More could be left unread, and cost the answer.
const MAX_BYTES: usize = 8 * 1024;
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Listener {
    _service: Service,
    boot: Arc<Boot>,
    socket: TcpListener,
}

thread_local! {
    static LISTENER: (SystemRunner, Listener) = {
        let system = System::new();
        let listener = system.block_on(async {
            let service = Service::new(FILES).await;
            let network = "127.0.0.0/8".parse().expect("a network");
            Listener {
                boot: Boot::new(service.app(), Arc::new(Access::off()), vec![network], Vec::new()),
                socket: TcpListener::bind((CLIENT, 0)).await.expect("a port"),
                _service: service,
            }
        });
        (system, listener)
    };
}

/// Sends bytes and their end, and returns what is answered.
async fn answers(listener: &Listener, request: &[u8]) -> Vec<u8> {
    let address = listener.socket.local_addr().expect("an address");
    let mut client = TcpStream::connect(address).await.expect("a connection");
    let (stream, _) = listener.socket.accept().await.expect("a connection");
    let serving = Arc::clone(&listener.boot).serve(stream, CLIENT, CancellationToken::new());
    let mut answered = Vec::new();
    let asking = async {
        client.write_all(request).await.expect("the request is taken");
        client.shutdown().await.expect("its end is sent");
        // A connection that is reset has answered as much as it would.
        let _ = client.read_to_end(&mut answered).await;
    };
    tokio::join!(serving, asking);
    answered
}

fuzz_target!(|input: (bool, &str, &str, &[u8])| {
    let (is_get, target, fields, rest) = input;
    let method = if is_get { "GET" } else { "HEAD" };
    let mut request =
        format!("{method} /b/files/{target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n").into_bytes();
    request.extend_from_slice(rest);
    if request.len() > MAX_BYTES {
        return;
    }
    LISTENER.with(|(system, listener)| {
        let answered = system.block_on(answers(listener, &request));
        let shown = String::from_utf8_lossy(&answered);
        assert!(!shown.contains("a secret"), "{shown}");
        let (head, _) = shown.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 ") && head.len() < 1024, "{head}");
        assert!(head.contains("\r\nContent-Length: "), "{head}");
    });
});
