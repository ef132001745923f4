//! Fetches over https.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

/// An authority: its certificate, and what signs with it.
struct Authority(String, Issuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self(certificate.pem(), Issuer::new(params, key))
    }

    /// Returns a server of nginx on a port whose certificate is for a name, and that writes down what it is asked.
    fn server(&self, root: &Path, name: &str, port: u16) -> String {
        let (key, at) = (KeyPair::generate().expect("a key"), root.join(port.to_string()));
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.1).expect("a certificate");
        let at = at.display();
        std::fs::write(format!("{at}.pem"), certificate.pem()).expect("it can be written");
        std::fs::write(format!("{at}.key"), key.serialize_pem()).expect("it can be written");
        format!(
            "server {{ listen 127.0.0.1:{port} ssl; root \"{}\"; access_log {at}.asked;
                ssl_certificate {at}.pem; ssl_certificate_key {at}.key; }}",
            root.display()
        )
    }
}

#[test]
fn certificates_are_verified() {
    let (root, [trusted, unknown, other]) = (directory(), [free_port(), free_port(), free_port()]);
    let (known, nobody) = (Authority::new("known"), Authority::new("unknown"));
    let servers = [
        known.server(root.path(), "127.0.0.1", trusted),
        nobody.server(root.path(), "127.0.0.1", unknown),
        known.server(root.path(), "mirror.example", other),
    ];
    let authorities = root.path().join("authorities.pem");
    std::fs::write(&authorities, &known.0).expect("it can be written");
    let site = Site::start_with(root, &servers.concat());
    let mut command = binary();
    command.env("SSL_CERT_FILE", authorities);
    let bench = Bench::start_by(command, &ONE_ADDRESS);
    let url = |port: u16, path: &str| format!("https://user:canary-word@127.0.0.1:{port}{path}?key={CANARY}");
    let asked = |port: u16| {
        let asked = site.root.path().join(format!("{port}.asked"));
        std::fs::read_to_string(asked).expect("nginx made it")
    };

    bench.fails(
        &url(unknown, "/a.iso"),
        None,
        "The server's certificate is signed by an authority that is not known here: add the authority to the ca-certificates of this host",
    );
    bench.fails(
        &url(other, "/a.iso"),
        None,
        "The server's certificate is for mirror.example and not for 127.0.0.1",
    );
    assert_eq!(
        (asked(unknown), asked(other)),
        (String::new(), String::new()),
        "neither a request nor what is secret in it was sent"
    );
    bench.fails(&url(trusted, "/none.iso"), None, "The server answers 404");

    let sha256 = site.sha256();
    let job = bench.ended(&bench.begin(&url(trusted, "/a.iso"), Some(&sha256)));
    assert_eq!(job["state"], "done", "{job}");
    let file = bench.stat().json()["data"].clone();
    assert_eq!(
        (&file["size"], &file["sha256"]),
        (&json!(6 * MIB), &json!(sha256))
    );
    assert!(asked(trusted).contains(&format!("GET /a.iso?key={CANARY} HTTP/1.1")));

    let jobs = bench.service.ask("GET", JOBS, "").body;
    let audit = bench
        .service
        .ask("GET", "/api/v1/storage/audit?action=file.fetch", "")
        .body;
    assert!(audit.contains("/none.iso to /new/a.iso"), "{audit}");
    for text in [jobs, audit, bench.service.log()] {
        assert!(!text.contains("canary"), "{text}");
        assert!(!text.contains("Not Found</"), "a body: {text}");
    }
}
