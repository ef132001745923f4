//! The README's session, word for word against a real service.

use crate::service::{Service, binary, directory};
use crate::session::{self, Step};

const README: &str = include_str!("../../../../README.md");
/// The section whose blocks are a session.
const SECTION: &str = "A first backend";

fn behind(step: &Step) -> &'static str {
    if step.command.starts_with("kill ") {
        "wait"
    } else if step.command.ends_with('&') {
        // A person is slower than a server that starts.
        "until (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null; do sleep 0.05; done"
    } else {
        ""
    }
}

#[test]
fn the_session_is_as_it_is_told() {
    let (service, home) = (Service::start(), directory());
    let images = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port");
    let port = images.port().to_string();
    let readme = README
        .replace("127.0.0.1:8080", &service.address.to_string())
        .replace("127.0.0.1:8000", &images.to_string())
        .replace("http.server 8000", &format!("http.server {port}"));
    let release = home.path().join("target/release");
    std::fs::create_dir_all(&release).expect("it can be made");
    std::os::unix::fs::symlink(binary().get_program(), release.join("pureboot-storage"))
        .expect("a link can be made");
    let steps = session::steps(&readme, &[SECTION]);
    assert!(steps.len() > 8, "the session is not found");
    let url = format!("http://{}", service.address);
    let before = format!(
        "export TMPDIR=$PWD PUREBOOT_STORAGE_URL={url}; PORT={port}; trap 'kill $(jobs -p) 2>/dev/null' EXIT"
    );
    session::run(&steps, home.path(), (&before, ""), behind);
}
