//! The commands of docs/operations.md, word for word on a host whose service was started as its unit says.

use std::path::Path;

use crate::alone::is_alone;
use crate::service::{binary, command, directory, finish};
use crate::session;

const PAGE: &str = include_str!("../../../../docs/operations.md");
/// The sections whose blocks are a session.
const SECTIONS: &[&str] = &[
    "On a host, with systemd",
    "Access tokens",
    "SQLite, the default",
    "The keys of secrets",
    "Upgrading",
];

/// What the host has and this machine lacks: sudo, and a service manager that follows the unit.
const HOST: &str = include_str!("operations/host.sh");

/// A revoked token is let in no longer.
const AFTER: &str = r#"
until [[ $(curl --silent --output /dev/null --write-out '%{http_code}' --header "Authorization: Bearer $TOKEN" \
    http://127.0.0.1:8080/api/v1/storage/backends) == 401 ]]; do sleep 0.05; done
systemctl stop pureboot-storage
"#;

/// Whatever is written here ends with the mount namespace.
fn scratch() {
    let scratch = "/tmp";
    let mounted = finish(command("mount").args(["-t", "tmpfs", "tmpfs", scratch]));
    assert_eq!(mounted.code, Some(0), "{}", mounted.err);
    for over in ["etc", "var", "usr/local"] {
        let name = over.replace('/', "-");
        let (upper, work) = (
            format!("{scratch}/{name}.upper"),
            format!("{scratch}/{name}.work"),
        );
        for dir in [&upper, &work] {
            std::fs::create_dir(dir).expect("it can be made");
        }
        let options = format!("lowerdir=/{over},upperdir={upper},workdir={work}");
        let done =
            finish(command("mount").args(["-t", "overlay", "overlay", "-o", &options, &format!("/{over}")]));
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    // `make run` as root leaves what a new host has not.
    for own in ["/etc/pureboot-storage", "/var/lib/pureboot-storage"] {
        let gone = finish(command("rm").args(["--recursive", "--force", own]));
        assert_eq!(gone.code, Some(0), "{}", gone.err);
    }
}

#[test]
fn the_page_works_on_the_database_of_the_service() {
    let test = "operations::the_page_works_on_the_database_of_the_service";
    if !is_alone(test, &["unshare", "--mount", "--net"]) {
        return;
    }
    let home = directory();
    let up = finish(command("ip").args(["link", "set", "lo", "up"]));
    assert_eq!(up.code, Some(0), "{}", up.err);
    scratch();
    let release = home.path().join("target/release");
    std::fs::create_dir_all(&release).expect("it can be made");
    std::fs::copy(binary().get_program(), release.join("pureboot-storage"))
        .expect("the binary can be copied");
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    std::os::unix::fs::symlink(docs, home.path().join("docs")).expect("a link can be made");
    let steps = session::steps(PAGE, SECTIONS);
    assert!(steps.len() > 15, "the session is not found");
    session::run(&steps, home.path(), (HOST, AFTER), |_| "");
}
