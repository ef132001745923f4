//! The boot listener, byte by byte.

mod answers;
mod cache;
mod checks;
mod connections;
mod links;
mod spellings;
mod stats;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use storage_backends::testkit::FakeBackend;
use storage_domain::BackendKind;
use storage_domain::net::Network;
use storage_persistence::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::harness::{Api, BACKENDS, config};
use crate::{Access, App, Boot, CacheSettings};

const EFI: &[u8] = b"0123456789";

/// A service with one backend `nas`, whose directory `/boot` machines may read.
struct Rack {
    api: Api,
    address: SocketAddr,
    fake: Arc<FakeBackend>,
    backend: String,
    stop: CancellationToken,
}

fn files() -> FakeBackend {
    FakeBackend::healthy(BackendKind::Nfs).with_files([
        ("/boot/x64/grub.efi", EFI),
        ("/boot/x64/boot.IPXE", b"#!ipxe\n"),
        ("/boot/a b+c%.img", EFI),
        ("/boot/empty", b""),
        ("/private/secret", b"hush"),
        ("/bootleg", b"hush"),
    ])
}

impl Rack {
    async fn new() -> Self {
        Self::with(files(), "127.0.0.0/8", [127, 0, 0, 1]).await
    }

    /// Serves the files of `fake` to a client at an address.
    async fn with(fake: FakeBackend, network: &str, client: impl Into<std::net::IpAddr>) -> Self {
        Self::asking(fake, network, client, |_| Access::off()).await
    }

    /// The same, with `access` once the backend is there.
    async fn asking(
        fake: FakeBackend,
        network: &str,
        client: impl Into<std::net::IpAddr>,
        access: impl FnOnce(Store) -> Access,
    ) -> Self {
        let without = |app, access, networks, addresses| Boot::new(app, access, networks, addresses);
        Self::serving(fake, network, client, access, without).await
    }

    /// The same, to every client, with a cache.
    async fn keeping(fake: FakeBackend, settings: CacheSettings) -> Self {
        let with = |app, access, networks, addresses| {
            Boot::with_cache(app, access, networks, addresses, settings).unwrap()
        };
        Self::serving(fake, "127.0.0.0/8", [127, 0, 0, 1], |_| Access::off(), with).await
    }

    async fn serving(
        fake: FakeBackend,
        network: &str,
        client: impl Into<std::net::IpAddr>,
        access: impl FnOnce(Store) -> Access,
        boot: impl FnOnce(Arc<App>, Arc<Access>, Vec<Network>, Vec<SocketAddr>) -> Arc<Boot>,
    ) -> Self {
        let fake = Arc::new(fake);
        let live = Arc::clone(&fake);
        let mut api = Api::with(move |_| Arc::clone(&live) as _).await;
        let kind = BackendKind::Nfs;
        let body = json!({ "name": "nas", "type": kind, "config": config(kind), "boot_path": "/boot" });
        let backend = api.call("POST", BACKENDS, Some(body)).await;
        api.access = Arc::new(access(api.store.clone()));
        let networks = vec![network.parse().unwrap()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = vec![listener.local_addr().unwrap()];
        let boot = boot(Arc::clone(&api.app), Arc::clone(&api.access), networks, addresses);
        api.boot = Some(Arc::clone(&boot));
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (client, stopping) = (client.into(), stop.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&boot).serve(stream, client, stopping.clone()));
            }
        });
        Self {
            address,
            fake,
            backend: backend.header("location").to_owned(),
            stop,
            api,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and no more, and reads until the listener closes.
    async fn send(&self, text: &str) -> Vec<u8> {
        let (answer, ended) = self.send_all(text).await;
        ended.unwrap();
        answer
    }

    async fn send_all(&self, text: &str) -> (Vec<u8>, io::Result<usize>) {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer).await;
        (answer, ended)
    }

    /// Asks for a target with further header lines; returns the head without its date, and the content.
    async fn ask(&self, method: &str, target: &str, more: &str) -> (String, Vec<u8>) {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: boot\r\n{more}\r\n");
        let answer = self.send(&request).await;
        let end = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        assert!(head.len() < 1024, "{head}");
        let lines = head.split_inclusive("\r\n");
        let steady = lines.filter(|line| !line.starts_with("Date: ")).collect();
        (steady, answer[end..].to_vec())
    }

    async fn status(&self, target: &str) -> u16 {
        let (head, content) = self.ask("GET", target, "").await;
        assert!(!content.windows(4).any(|part| part == b"hush"), "{target}");
        head["HTTP/1.1 ".len()..][..3].parse().unwrap()
    }
}
