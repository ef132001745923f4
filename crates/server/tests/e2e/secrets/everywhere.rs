//! Secrets of every kind, with odd content, through every operation, the failing ones too: they are in no answer, no log,
//! no argument, no file of the database.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};
use storage_persistence::testkit::PostgresServer;

use super::iscsi::Watch;
use crate::service::{Answer, Service, binary, directory, finish};

const BACKENDS: &str = "/api/v1/storage/backends";
/// All secrets have it, and nothing else does.
const MARK: &str = "canary-3c9f";
/// The mark in the forms that a carrier would give it: hexadecimal, and base64 at each of its three places.
const FORMS: [&str; 5] = [
    MARK,
    "63616e6172792d33633966",
    "Y2FuYXJ5LTNjO",
    "NhbmFyeS0zYz",
    "jYW5hcnktM2M5",
];

/// Odd content: what JSON, SQL, shells, URLs and configs could trip over, and 1 KiB.
fn odd() -> [String; 4] {
    [
        format!(r#"{MARK} "quoted" 'twice' \back\ {{brace}}"#),
        format!("{MARK},comma;semi=equals&amp%00%s$(id)`id`"),
        format!("{MARK} ключ 🔑 é\u{202e}"),
        format!("{MARK}{}", "x".repeat(1024 - MARK.len())),
    ]
}

/// A server that sends back whatever it is sent, as a careless one would.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 8192];
            let length = stream.read(&mut request).unwrap_or(0);
            let said = String::from_utf8_lossy(&request[..length]).into_owned();
            let head = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                said.len()
            );
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(said.as_bytes()));
        }
    });
    address
}

/// A config of every kind that has secrets, each with this one.
fn configs(at: SocketAddr, secret: &str) -> Vec<(&'static str, Value)> {
    let other = |text: &str| format!("{secret}{text}");
    let bearer: String = secret.chars().filter(char::is_ascii_graphic).collect();
    vec![
        (
            "http",
            json!({"base_url": format!("http://{at}"), "auth_method": "basic", "username": "u", "password": secret}),
        ),
        (
            "http",
            json!({"base_url": format!("http://{at}"), "auth_method": "bearer", "password": bearer}),
        ),
        (
            "s3",
            json!({"endpoint": format!("http://{at}"), "bucket": "images", "access_key_id": "AK", "secret_access_key": secret, "session_token": secret}),
        ),
        (
            "iscsi",
            json!({
                "target": "127.0.0.1", "port": at.port(), "chap_enabled": true, "chap_username": "u", "chap_password": secret,
                "mutual_chap_username": "m", "mutual_chap_password": other("m"),
                "discovery_chap_username": "d", "discovery_chap_password": other("d"),
            }),
        ),
    ]
}

/// Everything that can be asked of a backend, right and wrong.
fn operations(service: &Service, kind: &str, config: &Value, name: &str) -> Vec<Answer> {
    let body = |name: &str, config: &Value| json!({"name": name, "type": kind, "config": config}).to_string();
    let created = service.ask("POST", BACKENDS, &body(name, config));
    assert_eq!(created.status, 201, "{}", created.body);
    let path = format!(
        "{BACKENDS}/{}",
        created.json()["data"]["id"].as_str().expect("an id")
    );
    let with = |more: Value| {
        let mut config = config.clone();
        let members = config.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        config
    };
    let field = config
        .as_object()
        .and_then(|m| m.keys().find(|k| k.contains("password") || k.contains("secret")));
    let field = field.expect("it has a secret").as_str();
    let bad = |secret: Value| body("bad", &with(json!({ field: secret })));
    let change = |config: Value| json!({ "config": config }).to_string();
    let whole = body(name, config);
    let mut account = config.clone();
    account.as_object_mut().expect("an object").remove("bucket");
    let mut answers = vec![
        created,
        service.ask("POST", BACKENDS, &whole),
        service.ask("POST", BACKENDS, &body(&"x".repeat(101), config)),
        service.ask("POST", BACKENDS, &bad(json!(format!("{MARK}\nline")))),
        service.ask("POST", BACKENDS, &bad(json!(MARK.repeat(400)))),
        service.ask("POST", BACKENDS, &bad(json!([MARK]))),
        service.ask("POST", BACKENDS, &bad(json!({"$sealed": MARK}))),
        service.ask("POST", BACKENDS, &whole.replace(kind, "nfs")),
        service.ask("POST", BACKENDS, &whole[..whole.len() - 3]),
        service.ask("PUT", &path, &whole),
        service.ask("POST", &format!("{path}/test"), ""),
        service.ask("GET", &format!("{path}/luns"), ""),
        service.ask(
            "PATCH",
            &path,
            &change(with(json!({"ca_pem": MARK, "iqn": MARK}))),
        ),
        service.ask(
            "PATCH",
            &path,
            &change(json!({"base_url": "http://b", "endpoint": "b", "target": "b"})),
        ),
        service.ask("PATCH", &path, &change(config.clone())),
        service.ask("POST", "/api/v1/storage/discover/s3", &account.to_string()),
        service.ask("GET", &path, ""),
        service.ask("GET", BACKENDS, ""),
        service.ask("GET", "/metrics", ""),
    ];
    assert!(
        answers.iter().filter(|a| (400..500).contains(&a.status)).count() >= 8,
        "little was refused"
    );
    answers.push(service.ask("DELETE", &path, ""));
    answers.push(service.ask("POST", BACKENDS, &body(&format!("{name} stays"), config)));
    answers
}

fn hides(what: &str, text: &str) {
    for form in FORMS {
        let at = text.find(form);
        assert!(
            at.is_none(),
            "{what} tells a secret: {:?}",
            at.map(|at| &text[at.saturating_sub(80)..at])
        );
    }
}

/// A file of settings with the URL, whose password is a canary too.
fn settings(home: &Path, url: &str) -> String {
    let file = home.join("config.toml");
    fs::write(&file, format!("database_url = \"{url}\"\n")).expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode can be set");
    file.to_str().expect("UTF-8").to_owned()
}

#[rstest]
#[case("sqlite")]
#[case("postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn are_nowhere(#[case] kind: &str) {
    let (home, mut server) = (directory(), None);
    let state = home.path().join("state");
    let url = if kind == "sqlite" {
        format!("sqlite://{}", home.path().join("storage.db").display())
    } else {
        let started = tokio::task::spawn_blocking(PostgresServer::start)
            .await
            .expect("PostgreSQL starts");
        let url = server.insert(started).create_database().await;
        url.replace("postgres@", &format!("postgres:{MARK}%2C%22@"))
    };
    let file = settings(home.path(), &url);
    let service = Service::start_in(&state, &["--log-level", "trace", "--config", &file]);
    let watch = Watch::start(service.pid());
    let at = echo();
    // What the database does with odd content is one database's test; the other's is about its URL.
    let contents = if kind == "sqlite" { 4 } else { 1 };
    for (number, secret) in odd().iter().take(contents).enumerate() {
        for (turn, (kind, config)) in configs(at, secret).iter().enumerate() {
            for answer in operations(&service, kind, config, &format!("b{number}-{turn}")) {
                hides("an answer", &answer.body);
            }
        }
    }
    hides("an argument", &format!("{:?}", watch.end()));
    let of_process =
        |name: &str| fs::read_to_string(format!("/proc/{}/{name}", service.pid())).expect("it can be read");
    hides("the table of mounts", &of_process("mountinfo"));
    hides("the status", &of_process("status"));
    hides("the log", &service.log());
    assert!(service.log().contains("TRACE"), "nothing was logged");
    for file in [&state, home.path()]
        .into_iter()
        .flat_map(|dir| fs::read_dir(dir).expect("a directory").flatten())
    {
        if file.path().is_file() && !file.path().ends_with("config.toml") {
            let bytes = fs::read(file.path()).expect("it can be read");
            hides(
                &file.path().display().to_string(),
                &String::from_utf8_lossy(&bytes),
            );
        }
    }
    for args in [
        &["migrate"][..],
        &["keys", "status"],
        &["keys", "rotate"],
        &["token", "list"],
    ] {
        let mut command = binary();
        command
            .args(args)
            .args(["--log-level", "trace", "--config", &file, "--state-dir"])
            .arg(&state);
        let done = finish(&mut command);
        assert_eq!(done.code, Some(0), "{args:?}: {}", done.err);
        hides("a command", &format!("{}{}", done.out, done.err));
    }
}

/// A database that can't be reached, is none, or refuses.
#[rstest]
#[case("postgres://u:{MARK}@127.0.0.1:9/d")]
#[case("postgres://u:{MARK}@127.0.0.1:port/d")]
#[case("postgres://u:{MARK}@[::1/d")]
#[case("sqlite:///nowhere/x.db?password={MARK}")]
fn of_a_database_are_in_no_mistake(#[case] url: &str) {
    let home = directory();
    let file = settings(home.path(), &url.replace("{MARK}", MARK));
    for args in [
        &["serve", "--no-mount", "--listen", "127.0.0.1:0"][..],
        &["keys", "status"],
    ] {
        let mut command = binary();
        command
            .args(args)
            .args(["--log-level", "trace", "--config", &file, "--state-dir"]);
        let done = finish(command.arg(home.path().join("state")));
        assert!(matches!(done.code, Some(1 | 2)), "{}", done.err);
        hides("a mistake", &format!("{}{}", done.out, done.err));
    }
}
