//! TLS on the addresses that are listened on.

mod renewal;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rcgen::{CertificateParams, KeyPair};
use rstest::rstest;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use tempfile::TempDir;

use crate::service::{PATIENCE, Service, command, directory, finish, run, until};

/// How long a handshake may take, and a little more.
const HANDSHAKE: Duration = Duration::from_secs(5 + 5);

/// A certificate's files, and every certificate that was ever in them.
struct Files {
    dir: TempDir,
    known: Vec<CertificateDer<'static>>,
}

impl Files {
    fn new() -> Self {
        let mut files = Self {
            dir: directory(),
            known: Vec::new(),
        };
        files.renew(Duration::from_hours(24 * 90));
        files
    }

    fn cert(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Puts a new certificate and key into their places, as certbot and its kind do.
    fn renew(&mut self, lasts: Duration) {
        let mut params =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        params.not_after = (SystemTime::now() + lasts).into();
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        self.known.push(certificate.der().clone());
        put(&self.key(), &key.serialize_pem(), 0o600);
        put(&self.cert(), &certificate.pem(), 0o644);
    }

    fn options(&self) -> [String; 4] {
        let shown = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        [
            "--tls-cert-file".into(),
            shown(self.cert()),
            "--tls-key-file".into(),
            shown(self.key()),
        ]
    }

    fn serve(&self) -> Service {
        let options = self.options();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Service::start_in(&self.dir.path().join("state"), &options)
    }

    /// A client that trusts every certificate that there was.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for known in &self.known {
            roots.add(known.clone()).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(versions).expect("versions");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        // A session that is resumed shows no certificate again.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn put(path: &Path, text: &str, mode: u32) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("it can be written");
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode)).expect("its mode can be set");
    std::fs::rename(&new, path).expect("it can be put into its place");
}

/// Asks whether the service is alive, on a connection of its own; the connection as it was then, and the answer.
fn ask(service: &Service, client: &Arc<ClientConfig>) -> (ClientConnection, String) {
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::clone(client), name).expect("a connection");
    let stream = TcpStream::connect(service.address).expect("the service accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let mut stream = StreamOwned::new(connection, stream);
    write!(
        stream,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .expect("it is asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    (stream.conn, answer)
}

fn shown(connection: &ClientConnection) -> CertificateDer<'static> {
    connection.peer_certificates().expect("a certificate")[0]
        .clone()
        .into_owned()
}

fn told(service: &Service, level: &str, part: &str) -> bool {
    let tells = |e: &serde_json::Value| e["level"] == level && e.to_string().contains(part);
    service.events().iter().any(tells)
}

#[rstest]
#[case(&TLS12, ProtocolVersion::TLSv1_2)]
#[case(&TLS13, ProtocolVersion::TLSv1_3)]
fn both_versions_are_spoken(
    #[case] version: &'static SupportedProtocolVersion,
    #[case] expected: ProtocolVersion,
) {
    let files = Files::new();
    let service = files.serve();
    let (connection, answer) = ask(&service, &files.client(&[version]));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(connection.protocol_version(), Some(expected));
    assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(
        told(&service, "INFO", "listening on https://127.0.0.1:"),
        "{}",
        service.log()
    );
}

#[test]
fn curl_is_content_and_plain_http_gets_nothing() {
    let files = Files::new();
    let service = files.serve();
    let url = format!("https://127.0.0.1:{}/healthz", service.address.port());
    let mut curl = command("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--max-time",
        "20",
        "--cacert",
    ]);
    let done = finish(curl.arg(files.cert()).arg(url));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        !service
            .send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .contains("200")
    );
}

#[test]
fn files_that_can_not_be_used_end_the_start() {
    let files = Files::new();
    let refused = |options: &[&str]| {
        let state = files.dir.path().join("state");
        let state = state.to_str().expect("UTF-8");
        let done = run(&[
            &[
                "serve",
                "--no-mount",
                "--listen",
                "127.0.0.1:0",
                "--state-dir",
                state,
            ][..],
            options,
        ]
        .concat());
        assert_eq!(done.code, Some(2), "{}", done.err);
        done.err
    };
    let options = files.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    assert!(refused(&options[..2]).contains("tls_key_file (default) must be set"));
    assert!(refused(&options[2..]).contains("tls_cert_file (default) must be set"));
    let key = std::fs::read_to_string(files.key()).expect("a key");
    put(&files.key(), &key, 0o604);
    assert!(refused(&options).contains("key.pem: is open to other users (mode 0604)"));
    std::fs::remove_file(files.key()).expect("it can be removed");
    assert!(refused(&options).contains("key.pem: can't be read"));
}

#[test]
fn an_end_that_is_near_is_told() {
    let mut files = Files::new();
    files.renew(Duration::from_hours(24 * 13));
    let service = files.serve();
    until("it is told", || told(&service, "WARN", "ends soon").then_some(()));
}

#[test]
fn whoever_does_not_shake_hands_is_let_go() {
    let files = Files::new();
    let service = files.serve();
    let mut silent = TcpStream::connect(service.address).expect("the service accepts");
    silent
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let begun = Instant::now();
    let read = silent.read(&mut [0; 16]).unwrap_or(0);
    assert_eq!(read, 0);
    assert!(begun.elapsed() < HANDSHAKE, "{:?}", begun.elapsed());
}

/// To open a pipe for reading waits for its writer: the start would hang.
#[rstest]
#[case::certificate("cert.pem", "tls_cert_file")]
#[case::key("key.pem", "tls_key_file")]
fn a_pipe_is_refused_and_not_waited_for(#[case] name: &str, #[case] setting: &str) {
    let files = Files::new();
    let path = files.dir.path().join(name);
    std::fs::remove_file(&path).expect("it can be removed");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe can be made");
    let options = files.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut service = Service::spawn(&files.dir.path().join("state"), &options);
    assert_eq!(service.wait().code(), Some(2), "{}", service.log());
    let log = service.log();
    assert!(log.contains(setting) && log.contains("is not a file"), "{log}");
}
