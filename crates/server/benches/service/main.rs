//! The service's speed and memory, each figure beside its bound: `cargo bench --bench service`.
//!
//! Runs in a network namespace of its own, where an interface that drops everything stands for dead hosts. Needs wrk,
//! iproute2, nginx and util-linux. Ends with 1 if a bound is broken. `-- hostile` measures hostile servers alone, `-- mixed`,
//! `-- strangers`, `-- downloads`, `-- boot` and `-- service` the rest.

mod bare;
mod boot;
mod downloads;
mod family;
mod figures;
mod host;
mod hostile;
mod load;
mod mixed;
mod strangers;

use std::path::Path;
use std::time::Duration;

use figures::Table;
use host::Service;

/// Backends in the long list.
const MANY: usize = 1000;
/// Tests against dead hosts at once.
const DEAD: usize = 15;
/// How often a start is measured.
const STARTS: usize = 7;
/// How long answers are timed one after the other: a test gives a dead host up after three seconds at the soonest.
const SPAN: Duration = Duration::from_millis(2500);
/// The first backend's place in the API.
const BACKENDS: &str = "/api/v1/storage/backends";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some(bare::ARG) => bare::serve(&args[2..]),
        Some(hostile::server::ARG) => hostile::server::serve(),
        Some(host::INSIDE) => std::process::exit(measure(&args[2..])),
        _ => std::process::exit(host::inside_a_namespace(&args[1..])),
    }
}

/// Measures the parts that are named, or all; what was started has ended when this returns the exit code.
fn measure(parts: &[String]) -> i32 {
    host::bring_up_network();
    let mut table = Table::default();
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let named: Vec<_> = parts.iter().filter(|part| !part.starts_with('-')).collect();
    let is_wanted = |part: &str| named.is_empty() || named.iter().any(|named| *named == part);
    if is_wanted("service") {
        operators(&mut table, &home.path().join("state"));
    }
    if is_wanted("mixed") {
        mixed::measure(&mut table, home.path());
    }
    if is_wanted("strangers") {
        strangers::measure(&mut table, home.path());
    }
    if is_wanted("downloads") {
        downloads::measure(&mut table, home.path());
    }
    if is_wanted("boot") {
        boot::measure(&mut table, home.path());
    }
    if is_wanted("hostile") {
        hostile::measure(&mut table, home.path());
    }
    table.finish()
}

/// Measures what the service costs the operators who use it.
fn operators(table: &mut Table, state: &Path) {
    let service = Service::start(state);
    table.at_most("idle resident memory, empty", service.resident_mb(), 20.0, "MB");
    let ids = service.fill(10);
    for (name, path) in [
        (
            "GET of one backend, of a bare handler's rate",
            format!("{BACKENDS}/{}", ids[0]),
        ),
        (
            "GET of a list of ten, of a bare handler's rate",
            BACKENDS.to_owned(),
        ),
    ] {
        let (ours, bare) = bare::compare(&service, &path);
        figures::note(&format!("{ours:.0} requests/s, bare {bare:.0} requests/s"));
        table.at_least(name, ours / bare, 0.25, "");
    }
    let dead = dead_hosts(&service, &format!("{BACKENDS}/{}", ids[0]));
    figures::note(&format!("p99 {:.2} ms idle, {:.2} ms meanwhile", dead.0, dead.1));
    table.at_most(
        "p99 of GET during 15 tests of dead hosts, of idle",
        dead.1 / dead.0,
        2.0,
        "",
    );
    service.fill(MANY - 10 - DEAD);
    let list = load::sample(service.address, BACKENDS, SPAN);
    table.at_most("GET of a list of 1000, p50", list.p50, 10.0, "ms");
    table.at_most(
        "resident memory after all this",
        service.resident_mb(),
        f64::INFINITY,
        "MB",
    );
    drop(service);

    let mut starts: Vec<f64> = (0..STARTS).map(|_| Service::start_time(state)).collect();
    starts.sort_by(f64::total_cmp);
    table.at_most(
        "start to the first 200, 1000 backends, median",
        starts[STARTS / 2],
        100.0,
        "ms",
    );
    let service = Service::start(state);
    std::thread::sleep(Duration::from_secs(2));
    table.at_most(
        "idle resident memory, 1000 backends",
        service.resident_mb(),
        20.0,
        "MB",
    );
}

/// The p99 of a GET in ms, idle and while tests of dead hosts run.
fn dead_hosts(service: &Service, path: &str) -> (f64, f64) {
    let ids = service.register_dead(DEAD);
    load::sample(service.address, path, SPAN);
    let idle = load::sample(service.address, path, SPAN);
    let tests: Vec<_> = ids
        .iter()
        .map(|id| load::begin_test(service.address, id))
        .collect();
    let meanwhile = load::sample(service.address, path, SPAN);
    let ended = tests.iter().filter(|t| t.is_finished()).count();
    assert!(
        ended < DEAD,
        "the tests of dead hosts were over before the sample was"
    );
    for test in tests {
        test.join().expect("a test of a dead host is answered");
    }
    // What else the machine does shows in a sample on either side.
    let after = load::sample(service.address, path, SPAN);
    (idle.p99.max(after.p99), meanwhile.p99)
}
