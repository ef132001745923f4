//! Tests that need root, and tests that run in a process of their own.

use std::process::Command;

/// Set in that process.
const ALONE: &str = "TEST_ALONE";
/// Set to `1` by those who mean to run the tests without root.
const SKIP: &str = "PUREBOOT_SKIP_ROOT_TESTS";

/// Returns whether this process is root, and false if the test is meant to be skipped.
///
/// # Panics
///
/// If the process is not root and nobody said that such tests are to be skipped.
pub(crate) fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    let skipped = std::env::var(SKIP).is_ok_and(|value| value == "1");
    assert!(
        root || skipped,
        "This test needs root. Run it as root, or set {SKIP}=1."
    );
    root
}

/// Returns whether this process runs only the test; if not, runs the test in such a process.
///
/// `test` is the test's path in this binary, `wrapper` a command line that starts the process with further arguments.
/// One with `unshare` needs root: see [`is_root`].
///
/// # Panics
///
/// If the test fails there.
pub(crate) fn is_alone(test: &str, wrapper: &[&str]) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    if !wrapper.is_empty() && !is_root() {
        return false;
    }
    // What is mounted there can be deleted only when the namespace is gone.
    let temporary = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut line: Vec<_> = wrapper.iter().map(Into::into).collect();
    line.push(program.into_os_string());
    #[expect(clippy::disallowed_methods, reason = "the test starts itself again")]
    let output = Command::new(&line[0])
        .args(&line[1..])
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(out.contains("test result: ok. 1 passed"), "{out}\n{err}");
    false
}
