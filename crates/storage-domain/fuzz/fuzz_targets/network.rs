//! Networks: what is accepted is read back from its own text as the same, and holds its first address.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use storage_domain::net::{Network, meanings};

fuzz_target!(|input: (u128, &str)| {
    let (bits, text) = input;
    let addr = IpAddr::from(bits.to_be_bytes());
    assert!(meanings(addr, text.parse::<Network>().ok()).all(|meant| meant == meant.to_canonical()));
    if let Ok(network) = text.parse::<Network>() {
        let shown = network.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&network), "{shown:?}");
        assert!(network.contains(network.addr()));
        assert_eq!(Network::new(network.addr(), network.prefix()), Ok(network));
        assert!(network.prefix() > 0 || network.contains(addr) == (network.addr().is_ipv4() == addr.to_canonical().is_ipv4()));
    }
});
