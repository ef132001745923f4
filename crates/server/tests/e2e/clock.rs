//! A clock that shows a year that HTTP can't write.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::service::{Service, binary, command, directory, finish};

const MESSAGE: &str = "the clock of this machine is not between the years 1970 and 9999";

/// Compiles the clock that the file `beyond` moves on.
fn clock(home: &Path) -> PathBuf {
    let library = home.join("clock.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/clock.c");
    let mut compile = command("cc");
    let done = finish(compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source));
    assert_eq!(done.code, Some(0), "{}", done.err);
    library
}

/// Without an end of the process, every answer would be a 408 from then on, whatever the clock shows later.
#[test]
fn a_clock_beyond_the_year_9999_ends_the_service_and_one_set_right_lets_it_start() {
    let home = directory();
    let (library, beyond) = (clock(home.path()), home.path().join("beyond"));
    let start = || {
        let mut command: Command = binary();
        command.env("LD_PRELOAD", &library).env("CLOCK_BEYOND", &beyond);
        Service::spawn_by(command, &home.path().join("state"), &[])
    };
    let mut service = start();
    service.address = service.wait_for_address();
    assert_eq!(service.ask("GET", "/healthz", "").status, 200);
    File::create(&beyond).expect("it can be made");
    assert_eq!(service.wait().code(), Some(1), "{}", service.log());
    assert!(service.log().contains(MESSAGE), "{}", service.log());

    let mut service = start();
    assert_eq!(service.wait().code(), Some(1), "{}", service.log());
    assert!(service.log().contains(MESSAGE), "{}", service.log());

    fs::remove_file(&beyond).expect("it is there");
    let mut service = start();
    service.address = service.wait_for_address();
    assert_eq!(service.ask("GET", "/healthz", "").status, 200);
}
