//! Web servers and buckets that an operator points at, and that send whatever costs the service most.

pub(crate) mod server;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::figures::{self, Table};
use crate::host::Service;
use crate::load;
use server::{Server, Trap};

/// Tests that run at once, as many as one client may have.
const TESTS: usize = crate::DEAD;
/// How long the counts that the tests began are watched.
const COUNTING: Duration = Duration::from_secs(20);
/// How long the service has to end its work after the backends are deleted.
const ENDS: Duration = Duration::from_secs(1);
/// How long its processor time is measured after that.
const QUIET: Duration = Duration::from_secs(2);
/// How long the service has to give memory back.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// Measures what each trap, and all of them together, cost the service and its other clients.
pub(crate) fn measure(table: &mut Table, home: &std::path::Path) {
    let server = Server::start();
    let each = Trap::ALL
        .iter()
        .map(|trap| (trap.name(), std::slice::from_ref(trap)));
    let (mut idle, mut busy) = (Vec::new(), Vec::new());
    for (name, traps) in each.chain([("all", &Trap::ALL[..])]) {
        let p99 = one(table, &home.join(name), name, traps, server.port);
        idle.push(p99.idle);
        busy.push((name, p99.busy));
    }
    // Of all services: other work on the machine changes it more than these servers do.
    idle.sort_by(f64::total_cmp);
    let idle = idle[idle.len() / 2];
    figures::note(&format!("p99 {idle:.2} ms idle, the median"));
    for (name, p99) in busy {
        table.at_most(
            &format!("hostile, {name}: p99 of GET, of idle"),
            p99 / idle,
            2.0,
            "",
        );
    }
}

/// The p99 of GET in ms, before the traps are read and meanwhile.
struct P99 {
    idle: f64,
    busy: f64,
}

/// Measures some traps.
fn one(table: &mut Table, state: &std::path::Path, name: &str, traps: &[Trap], port: u16) -> P99 {
    let service = Service::start(state);
    let ids: Vec<_> = traps
        .iter()
        .cycle()
        .take(TESTS)
        .enumerate()
        .map(|(n, trap)| load::register(service.address, &trap.backend(n, port)))
        .collect();
    let path = format!("{}/{}", crate::BACKENDS, ids[0]);
    load::sample(service.address, &path, crate::SPAN);
    let idle_memory = service.resident_mb();
    let idle = load::sample(service.address, &path, crate::SPAN).p99;

    let over = AtomicBool::new(false);
    let (peak, meanwhile) = std::thread::scope(|scope| {
        let peak = scope.spawn(|| peak(&service, &over));
        let tests: Vec<_> = ids
            .iter()
            .map(|id| load::begin_test(service.address, id))
            .collect();
        let meanwhile = load::sample(service.address, &path, COUNTING);
        for id in &ids {
            load::delete(service.address, id);
        }
        std::thread::sleep(ENDS);
        let before = service.processor_time();
        std::thread::sleep(QUIET);
        let after = service.processor_time().saturating_sub(before);
        table.at_most(
            &format!("hostile, {name}: processor time after the delete"),
            after.as_secs_f64() * 1000.0,
            50.0,
            "ms",
        );
        for test in tests {
            test.join().expect("a test is answered");
        }
        over.store(true, Ordering::Relaxed);
        (peak.join().expect("the service lives"), meanwhile)
    });
    std::thread::sleep(GIVE_BACK);
    figures::note(&format!(
        "p99 {idle:.2} ms idle, {:.2} ms meanwhile; {idle_memory:.0} MB idle",
        meanwhile.p99
    ));
    table.at_most(&format!("hostile, {name}: memory"), peak, 209.7, "MB");
    // The allocator keeps pages; the bound is that of the peak.
    let later = service.resident_mb();
    table.at_most(&format!("hostile, {name}: memory later"), later, 209.7, "MB");
    let busy = meanwhile.p99;
    P99 { idle, busy }
}

/// The highest resident memory until `over`, in MB.
fn peak(service: &Service, over: &AtomicBool) -> f64 {
    let mut peak: f64 = 0.0;
    while !over.load(Ordering::Relaxed) {
        peak = peak.max(service.resident_mb());
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}
