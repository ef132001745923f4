//! A web server that boot files come from, and machines that read them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use tempfile::TempDir;

use crate::nginx::Nginx;
use crate::port::free_port;
use crate::service::{PATIENCE, Service, directory, until};

/// The options of a service that serves boot files to this machine.
pub(crate) const OPTIONS: [&str; 4] = ["--boot-listen", "127.0.0.1:0", "--boot-networks", "loopback"];
/// Where the file is.
const FILE: &str = "/b/web/linux";

/// A web server with one file.
pub(crate) struct Origin {
    nginx: Option<Nginx>,
    port: u16,
    root: TempDir,
}

/// What a machine got; all is zero if that was no answer.
#[derive(Default)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) length: usize,
    pub(crate) content: Vec<u8>,
}

impl Got {
    /// Returns the file, if it came and all of it did.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        (self.status == 200 && self.content.len() == self.length).then_some(&self.content)
    }
}

impl Origin {
    pub(crate) fn start() -> Self {
        let root = directory();
        fs::create_dir(root.path().join("files")).expect("a directory can be made");
        let mut origin = Self {
            nginx: None,
            port: free_port(),
            root,
        };
        origin.revive();
        origin
    }

    /// Starts it again.
    pub(crate) fn revive(&mut self) {
        let (at, port) = (self.root.path().display(), self.port);
        let http = format!(
            "log_format asked \"$uri $body_bytes_sent\"; access_log {at}/asked asked;
             server {{ listen 127.0.0.1:{port}; root {at}/files; limit_rate 20m; }}"
        );
        self.nginx = Some(Nginx::start(self.root.path(), port, &http));
    }

    /// Ends it, connections included.
    pub(crate) fn kill(&mut self) {
        self.nginx = None;
    }

    /// Replaces the file.
    pub(crate) fn put(&self, content: &[u8]) {
        let new = self.root.path().join("new");
        fs::write(&new, content).expect("a file can be made");
        fs::rename(new, self.root.path().join("files/linux")).expect("it can be renamed");
    }

    /// Returns how many bytes each request for the file got; one that only describes it is broken off.
    pub(crate) fn sent(&self) -> Vec<usize> {
        let log = fs::read_to_string(self.root.path().join("asked")).expect("it can be read");
        let sent = log
            .lines()
            .filter_map(|line| line.strip_prefix("/linux ")?.parse().ok());
        sent.collect()
    }

    /// Registers it at a service.
    pub(crate) fn register(&self, service: &Service) {
        let body = format!(
            r#"{{"name":"web","type":"http","boot_path":"/","config":{{"base_url":"http://127.0.0.1:{}"}}}}"#,
            self.port
        );
        let answer = service.ask("POST", "/api/v1/storage/backends", &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
}

/// Reads the file as a machine does; what came before the connection broke off counts.
pub(crate) fn get(boot: SocketAddr) -> Got {
    read(boot, FILE)
}

/// Reads a file; what came before the connection broke off counts.
pub(crate) fn read(boot: SocketAddr, path: &str) -> Got {
    let mut answer = Vec::new();
    // Who is killed listens no more, or ends in the middle.
    if let Ok(mut stream) = TcpStream::connect(boot) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: boot\r\nConnection: close\r\n\r\n");
        let patient = stream.set_read_timeout(Some(PATIENCE));
        let _may_break_off = patient
            .and_then(|()| stream.write_all(request.as_bytes()))
            .and_then(|()| stream.read_to_end(&mut answer));
    }
    let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Got::default();
    };
    let content = answer.split_off(end + 4);
    let head = String::from_utf8(answer).expect("a head is text");
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    Got {
        status: field("HTTP/1.1 ")
            .and_then(|line| line[..3].parse().ok())
            .expect("a status"),
        length: number(field("Content-Length: ")).expect("a length"),
        content,
    }
}

/// Waits until a service has the file on disk.
pub(crate) fn until_kept(service: &Service, boot: SocketAddr) {
    until("the file is kept", || {
        get(boot);
        let fetches = service.events();
        let last = fetches.iter().rfind(|event| event["message"] == "boot file")?;
        (last["origin"] == "hit").then_some(())
    });
}
