//! Unit tests that mount.

use std::process::Command;

/// Set inside the mount namespace.
const INSIDE: &str = "UNMOUNT_TEST_INSIDE";

/// True inside a mount namespace of its own. Outside it runs the test there, and is false; it needs root for that.
#[expect(clippy::disallowed_methods, reason = "the test starts itself again")]
pub(crate) fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !nix::unistd::geteuid().is_root() {
        return false;
    }
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, test)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(out.contains("test result: ok. 1 passed"), "{out}\n{err}");
    false
}
