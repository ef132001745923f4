//! No process of the service leaves its memory in a file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};

use rstest::rstest;

use crate::nobody::Nobody;
use crate::service::until;

/// What belongs to root below /proc is that of a process that can't be dumped (proc(5)).
fn is_closed(child: &Child) -> bool {
    let process = format!("/proc/{}", child.id());
    // setpriv comes before it.
    let is_it = fs::read_link(format!("{process}/exe")).is_ok_and(|exe| exe.ends_with("storage"));
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap_or_default();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let numbers: Vec<&str> = core.unwrap_or_default().split_whitespace().take(2).collect();
    let owner = fs::metadata(format!("{process}/environ")).map(|meta| meta.uid());
    is_it && numbers == ["0", "0"] && owner.is_ok_and(|owner| owner == 0)
}

#[rstest]
#[case::the_service(&["serve", "--no-mount", "--listen", "127.0.0.1:0", "--state-dir"])]
#[case::a_helper(&["--storage-backends-helper-protocol=3"])]
fn they_are_switched_off(#[case] args: &[&str]) {
    let Some(nobody) = Nobody::new() else { return };
    let mut command = nobody.binary();
    command.args(args);
    if args.len() > 1 {
        let state = nobody.home().join("state");
        fs::create_dir(&state).expect("it can be made");
        std::os::unix::fs::chown(&state, Some(Nobody::ID), Some(Nobody::ID)).expect("root may do so");
        command.arg(state);
    }
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("setpriv starts");
    until("its memory is closed", || is_closed(&child).then_some(()));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}
