//! Boot files on local disk.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use storage_persistence::testkit::PostgresServer;

use super::origin::{OPTIONS, Origin, get, read, until_kept};
use super::{address, register};
use crate::buckets::Buckets;
use crate::service::{Service, command, directory, finish, until};

const MACHINES: usize = 100;
/// How long a backend is known without a question to the database.
const KNOWN: Duration = Duration::from_secs(1);
/// How long firmware waits for the first byte.
const FIRMWARE: Duration = Duration::from_secs(5);

/// So many bytes of a version.
fn version(number: usize, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|n| u8::try_from((n % 251 + n / 4096 + number) % 256).expect("a byte"))
        .collect()
}

fn files(directory: &Path) -> usize {
    let names = fs::read_dir(directory).expect("it can be read").flatten();
    names.filter(|entry| entry.file_name() != "running").count()
}

#[test]
fn a_rack_reads_a_file_once_and_boots_without_its_origin() {
    let (mut origin, home) = (Origin::start(), directory());
    let state = home.path().join("state");
    let all = version(1, 6_000_000);
    origin.put(&all);
    let mut service = Service::start_in(&state, &OPTIONS);
    let boot = address(&service);
    origin.register(&service);
    std::thread::scope(|scope| {
        let machines: Vec<_> = (0..MACHINES).map(|_| scope.spawn(|| get(boot))).collect();
        for machine in machines {
            let got = machine.join().expect("an answer");
            assert!(got.whole() == Some(&all), "{} {}", got.status, got.content.len());
        }
    });
    until_kept(&service, boot);
    let sent = origin.sent();
    let readings = sent.iter().filter(|bytes| **bytes == all.len()).count();
    // One byte describes it.
    assert!(
        readings == 1 && sent.iter().sum::<usize>() < all.len() + MACHINES,
        "{sent:?}"
    );
    assert_eq!(files(&state.join("boot-cache")), 2);

    origin.kill();
    assert!(get(boot).whole() == Some(&all));
    service.signal(Signal::SIGTERM);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    for kill in [false, true] {
        let mut service = Service::start_in(&state, &OPTIONS);
        let boot = address(&service);
        assert!(get(boot).whole() == Some(&all), "{}", service.log());
        let fetch = until("the fetch is logged", || {
            let events = service.events();
            events.into_iter().find(|event| event["message"] == "boot file")
        });
        assert_eq!(fetch["origin"], json!("stale"));
        if kill {
            service.kill();
        }
    }
    let service = Service::start_in(&state, &OPTIONS);
    assert!(get(address(&service)).whole() == Some(&all));
}

/// What is known of a backend is believed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_database_keeps_no_machine_from_booting() {
    let server = tokio::task::spawn_blocking(PostgresServer::start)
        .await
        .expect("PostgreSQL starts");
    let url = server.create_database().await;
    let (origin, home) = (Origin::start(), directory());
    let all = version(1, 300_000);
    origin.put(&all);
    let options = [&OPTIONS[..], &["--database-url", url.as_str()]].concat();
    let service = Service::start_in(&home.path().join("state"), &options);
    let boot = address(&service);
    origin.register(&service);
    until_kept(&service, boot);
    tokio::task::block_in_place(|| server.freeze());
    for _ in 0..2 {
        sleep(KNOWN);
        let begun = Instant::now();
        assert!(get(boot).whole() == Some(&all), "{}", service.log());
        assert!(begun.elapsed() < FIRMWARE, "it took {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    let cold = read(boot, "/b/web/cold").status;
    let took = begun.elapsed();
    assert!(cold == 503 && took < FIRMWARE, "{cold} after {took:?}");
    tokio::task::block_in_place(|| server.thaw());
    until("it is asked again", || {
        (read(boot, "/b/web/cold").status == 404).then_some(())
    });
}

#[test]
fn an_origin_that_dies_ends_every_connection_short() {
    let (mut origin, home) = (Origin::start(), directory());
    let all = version(1, 40_000_000);
    origin.put(&all);
    let service = Service::start_in(&home.path().join("state"), &OPTIONS);
    let boot = address(&service);
    origin.register(&service);
    std::thread::scope(|scope| {
        let machines: Vec<_> = (0..20).map(|_| scope.spawn(|| get(boot))).collect();
        let data = || {
            let names = fs::read_dir(home.path().join("state/boot-cache")).ok()?;
            let sizes = names
                .flatten()
                .filter_map(|entry| Some(entry.metadata().ok()?.len()));
            sizes.max().filter(|size| *size > 4_000_000)
        };
        until("some of it is there", data);
        origin.kill();
        for machine in machines {
            let got = machine.join().expect("an answer");
            assert!(got.whole().is_none());
            // A machine that came too late is refused.
            assert!(
                got.status == 503 || all.starts_with(&got.content),
                "{}",
                got.status
            );
        }
    });
    origin.revive();
    until("it boots again", || {
        (get(boot).whole() == Some(&all)).then_some(())
    });
}

#[test]
fn what_is_uploaded_is_served_at_once() {
    let (buckets, home) = (Buckets::start(&["images"]), directory());
    let (first, second) = (version(1, 3_000_000), version(2, 2_000_000));
    let bucket = buckets.files.path().join("images");
    fs::create_dir(bucket.join("boot")).expect("a directory can be made");
    fs::write(bucket.join("boot/linux"), &first).expect("a file can be made");
    let service = Service::start_in(&home.path().join("state"), &OPTIONS);
    let boot = address(&service);
    register(&service, &buckets);
    let file = "/b/images/linux";
    assert!(read(boot, file).whole() == Some(&first));
    let new = home.path().join("new");
    fs::write(&new, &second).expect("a file can be made");
    let list = service.ask("GET", "/api/v1/storage/backends", "").json();
    let id = list["data"][0]["id"].as_str().expect("an id").to_owned();
    let url = format!(
        "http://{}/api/v1/storage/backends/{id}/files/content?path=/boot/linux",
        service.address
    );
    let done = finish(
        command("curl")
            .args(["--silent", "--show-error", "--fail", "--upload-file"])
            .arg(&new)
            .arg(&url),
    );
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    for _ in 0..3 {
        assert!(read(boot, file).whole() == Some(&second));
    }
}

/// The disk refuses to let a file grow: machines get it from its origin, from the middle on if need be.
#[test]
fn a_disk_that_is_full_keeps_no_machine_from_booting() {
    let (origin, home) = (Origin::start(), directory());
    let all = version(1, 6_000_000);
    origin.put(&all);
    let state = home.path().join("state");
    let mut service = Service::spawn_by(crate::full_disk::spared(), &state, &OPTIONS);
    service.address = service.wait_for_address();
    let boot = address(&service);
    origin.register(&service);
    service.bound("--fsize=3000000:unlimited");
    for _ in 0..2 {
        assert!(get(boot).whole() == Some(&all));
    }
    until("nothing of it is left", || {
        (files(&state.join("boot-cache")) == 0).then_some(())
    });
    service.bound("--fsize=unlimited:unlimited");
    until_kept(&service, boot);
    assert!(get(boot).whole() == Some(&all));
}

#[test]
fn a_directory_that_can_not_be_made_is_named() {
    let home = directory();
    let file = home.path().join("file");
    fs::write(&file, "").expect("a file can be made");
    let cache = format!("--boot-cache={}/cache", file.display());
    let mut service = Service::spawn(&home.path().join("state"), &[&OPTIONS[..], &[&cache]].concat());
    assert_eq!(service.wait().code(), Some(2), "{}", service.log());
    assert!(
        service.log().contains("set another one with --boot-cache"),
        "{}",
        service.log()
    );
}
