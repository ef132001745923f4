//! A service that is killed while it fills its cache of boot files serves no wrong byte afterwards.

use std::time::Duration;

use super::load::Random;
use super::{pause, rounds};
use crate::boot::address;
use crate::boot::origin::{Got, OPTIONS, Origin, get};
use crate::service::{Service, directory};

const BYTES: usize = 4_000_000;
const MACHINES: usize = 8;

/// The file as it is in a round. Any two versions differ at each place, and in their size, by which nginx knows them in the same
/// second.
fn version(round: u32) -> Vec<u8> {
    let round = round as usize;
    (0..BYTES + round)
        .map(|n| u8::try_from((n % 101 + n / 65_536 + round * 7) % 251).expect("a byte"))
        .collect()
}

fn is_prefix(got: &Got, of: &[u8]) -> bool {
    got.status != 200 || got.length == of.len() && of.starts_with(&got.content)
}

#[test]
fn no_wrong_byte_is_served() {
    let (mut origin, home, mut random) = (Origin::start(), directory(), Random::new());
    let state = home.path().join("state");
    let mut versions: Vec<Vec<u8>> = Vec::new();
    let (mut whole, mut cut) = (0, 0);
    origin.put(&version(0));
    {
        let service = Service::start_in(&state, &OPTIONS);
        origin.register(&service);
    }
    for round in 0..rounds() {
        versions.push(version(round));
        let present = versions.last().expect("one");
        origin.put(present);
        let mut service = Service::start_in(&state, &OPTIONS);
        let boot = address(&service);
        let got = std::thread::scope(|scope| {
            let machines: Vec<_> = (0..MACHINES).map(|_| scope.spawn(|| get(boot))).collect();
            pause(&mut random, Duration::from_millis(500));
            service.kill();
            let got = machines
                .into_iter()
                .map(|machine| machine.join().expect("an answer"));
            got.collect::<Vec<_>>()
        });
        for got in got {
            assert!(is_prefix(&got, present), "round {round}: {}", got.status);
            if got.whole().is_some() {
                whole += 1;
            } else {
                cut += 1;
            }
        }
        // Without the origin, what is kept is one of the versions, and all of it.
        origin.kill();
        let service = Service::start_in(&state, &OPTIONS);
        let got = get(address(&service));
        let known = |version: &Vec<u8>| got.whole() == Some(version);
        assert!(
            got.status == 503 || versions.iter().any(known),
            "round {round}: {} {}",
            got.status,
            got.content.len()
        );
        drop(service);
        origin.revive();
    }
    println!(
        "{} kills, {whole} files whole, {cut} cut, no wrong byte",
        rounds()
    );
}
