//! Many clients at once that read, list, change, register and delete.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::figures::{self, Table};
use crate::host::Service;
use crate::load::{self, Connection};
use crate::{BACKENDS, bare};

/// Backends before the load.
const MANY: usize = 1000;
/// Connections at once.
const CONNECTIONS: usize = 16;
/// How long the load lasts.
const SPAN: Duration = Duration::from_secs(8);
/// Each connection sends these in turns, from a place of its own: 80 % read one backend, 5 % list all, 10 % change one, 5 %
/// register one or delete it.
const MIX: [Kind; 20] = {
    use Kind::{Change, Create, List, Read};
    [
        Read, Read, Read, Read, Change, Read, Read, Read, Read, List, Read, Read, Read, Read, Change, Read,
        Read, Read, Read, Create,
    ]
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    List,
    Change,
    Create,
    /// Replaces every other creation; deletes what the client created.
    Delete,
}

/// The rate of a long list, of a bare handler's with the same bytes.
const LIST_OF_BARE: f64 = 0.25;
/// The rate of the mix, of that of reads alone.
const MIX_OF_READS: f64 = 0.15;
/// Nobody waits for longer than for a few syncs of the disk.
const MIX_P99_MS: f64 = 40.0;

/// Measures lists of [`MANY`] backends, and the mix on them.
pub(crate) fn measure(table: &mut Table, home: &std::path::Path) {
    let service = Service::start(&home.join("mixed"));
    let ids = service.fill(MANY);
    let (ours, bare) = bare::compare(&service, BACKENDS);
    figures::note(&format!("{ours:.0} requests/s, bare {bare:.0} requests/s"));
    table.at_least(
        "GET of a list of 1000, of a bare handler's rate",
        ours / bare,
        LIST_OF_BARE,
        "",
    );

    let alone = load::rate(service.address, &format!("{BACKENDS}/{}", ids[0]));
    let mixed = mix(service.address, &ids);
    figures::note(&format!(
        "mix {:.0} requests/s, p50 {:.2} ms, p99 {:.2} ms; reads alone {alone:.0} requests/s",
        mixed.rate, mixed.p50, mixed.p99
    ));
    table.at_least(
        "mix of reads and writes, of the rate of reads",
        mixed.rate / alone,
        MIX_OF_READS,
        "",
    );
    table.at_most("p99 of the mix", mixed.p99, MIX_P99_MS, "ms");
    table.at_most("resident memory after the mix", service.resident_mb(), 30.0, "MB");
}

struct Mixed {
    rate: f64,
    p50: f64,
    p99: f64,
}

fn mix(address: SocketAddr, ids: &[String]) -> Mixed {
    let end = Instant::now() + SPAN;
    let next = AtomicUsize::new(0);
    let times: Vec<(Kind, f64)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|client| {
                scope.spawn({
                    let next = &next;
                    move || one_client(address, ids, client, next, end)
                })
            })
            .collect();
        let times = clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client ends"));
        times.collect()
    });
    for kind in [Kind::Read, Kind::List, Kind::Change, Kind::Create, Kind::Delete] {
        let (p50, p99) = percentiles(times.iter().filter(|(of, _)| *of == kind));
        figures::note(&format!("  {kind:?}: p50 {p50:.2} ms, p99 {p99:.2} ms"));
    }
    let (p50, p99) = percentiles(times.iter());
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let rate = times.len() as f64 / SPAN.as_secs_f64();
    Mixed { rate, p50, p99 }
}

fn percentiles<'a>(times: impl Iterator<Item = &'a (Kind, f64)>) -> (f64, f64) {
    let mut times: Vec<f64> = times.map(|(_, time)| *time).collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// One client's requests, one after the other, each with its time in ms.
fn one_client(
    address: SocketAddr,
    ids: &[String],
    client: usize,
    next: &AtomicUsize,
    end: Instant,
) -> Vec<(Kind, f64)> {
    let mut connection = Connection::open(address);
    let mut registered = None;
    let mut times = Vec::new();
    for kind in MIX.iter().cycle().skip(client) {
        let n = next.fetch_add(1, Ordering::Relaxed);
        // Neighbours in time are far from each other in the list.
        let path = format!("{BACKENDS}/{}", ids[n * 7919 % ids.len()]);
        let kind = match kind {
            Kind::Create if registered.is_some() => Kind::Delete,
            kind => *kind,
        };
        let begun = Instant::now();
        let (status, answer) = match kind {
            Kind::Read => connection.ask("GET", &path, ""),
            Kind::List => connection.ask("GET", BACKENDS, ""),
            Kind::Change => connection.ask("PATCH", &path, &format!(r#"{{"name":"changed {n}"}}"#)),
            Kind::Create => {
                let config = r#"{"server":"10.99.0.5","export_path":"/srv"}"#;
                let body = format!(r#"{{"name":"created {n}","type":"nfs","config":{config}}}"#);
                connection.ask("POST", BACKENDS, &body)
            }
            Kind::Delete => {
                let id = registered.take().unwrap_or_default();
                connection.ask("DELETE", &format!("{BACKENDS}/{id}"), "")
            }
        };
        times.push((kind, begun.elapsed().as_secs_f64() * 1000.0));
        let wanted = if kind == Kind::Create { 201 } else { 200 };
        assert_eq!(status, wanted, "{kind:?}: {answer}");
        if kind == Kind::Create {
            registered = Some(load::id_in(&answer));
        }
        if Instant::now() >= end {
            return times;
        }
    }
    times
}
