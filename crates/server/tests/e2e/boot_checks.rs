//! Checks of boot files: what a service says, and what a machine gets.

use std::fs;

use serde_json::{Value, json};

use crate::buckets::{Buckets, CANARY, KEY};
use crate::files::web_server;
use crate::service::{Done, Service, command, directory, finish, run, until};

const BOOTING: [&str; 4] = ["--boot-listen", "127.0.0.1:0", "--boot-networks", "loopback"];

/// A program for EFI.
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 300_000];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    bytes[0x80 + 0x5c] = 10;
    bytes
}

/// An image of a CD.
fn iso() -> Vec<u8> {
    let mut bytes = vec![7; 3_000_000];
    bytes[32_769..32_774].copy_from_slice(b"CD001");
    bytes
}

fn register(service: &Service, body: &Value) {
    let answer = service.ask("POST", "/api/v1/storage/backends", &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
}

fn check(service: &Service, more: &[&str]) -> Done {
    let url = format!("http://{}", service.address);
    run(&[&["boot-check", "--url", &url], more].concat())
}

/// The outcomes in the order of the clients: iPXE, UEFI HTTP Boot, GRUB, shim, BMC.
fn outcomes(checked: &Value) -> Vec<&str> {
    let clients = checked["clients"].as_array().expect("a list");
    let outcome = |client: &'static str| {
        let found = clients.iter().find(|one| one["client"] == client);
        found.expect("every client")["outcome"].as_str().expect("a text")
    };
    ["ipxe", "uefi-http", "grub", "shim", "bmc"].map(outcome).to_vec()
}

fn json_of(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("one JSON object: {}{}", done.out, done.err))
}

fn stats(service: &Service) -> Value {
    let answer = service.ask("GET", "/api/v1/storage/boot/stats", "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"].take()
}

const B: &str = "boots";
const U: &str = "unsuitable";
const F: &str = "fails";

#[test]
fn what_is_said_to_boot_is_served() {
    let buckets = Buckets::start(&["images"]);
    let boot = buckets.files.path().join("images/boot");
    fs::create_dir(&boot).expect("a directory can be made");
    for (name, content) in [
        ("grubx64.efi", program()),
        ("cd 1.iso", iso()),
        ("start.ipxe", b"#!ipxe\nboot\n".to_vec()),
        ("broken.efi", b"not a program".to_vec()),
    ] {
        fs::write(boot.join(name), content).expect("a file can be made");
    }
    fs::write(buckets.files.path().join("images/secret.efi"), "hush").expect("a file can be made");
    let home = directory();
    let service = Service::start_in(&home.path().join("state"), &BOOTING);
    register(
        &service,
        &json!({
            "name": "images", "type": "s3", "boot_path": "/boot",
            "config": { "endpoint": buckets.url, "bucket": "images", "access_key_id": KEY, "secret_access_key": CANARY },
        }),
    );
    for (name, wanted, code) in [
        ("grubx64.efi", [B, B, B, B, U], 0),
        ("cd 1.iso", [B, B, B, U, B], 0),
        ("start.ipxe", [B, U, U, U, U], 0),
        ("broken.efi", [F, F, F, F, U], 1),
    ] {
        let done = check(&service, &["--json", &format!("images:/boot/{name}")]);
        let checked = json_of(&done);
        assert_eq!(outcomes(&checked), wanted, "{checked:#}");
        assert_eq!(done.code, Some(code));
    }
    // Checks are not machines.
    assert_eq!(stats(&service)["requests"], 0);

    let shown = check(&service, &["images:/boot/cd 1.iso"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    let line = |name: &str| {
        let found = shown.out.lines().find_map(|line| line.strip_prefix(name));
        found.expect("a line of its own").trim().to_owned()
    };
    let url = line("address ");
    assert_eq!(line("iPXE "), format!("sanboot {url}"));
    let target = home.path().join("got");
    let output = target.to_str().expect("UTF-8");
    let done = finish(command("curl").args(["--silent", "--show-error", "--fail", "--output", output, &url]));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(fs::read(&target).expect("it is there") == iso());
    let counted = until("the fetch is counted", || {
        Some(stats(&service)).filter(|stats| stats["connections"] == 0)
    });
    assert_eq!(
        (&counted["requests"], &counted["bytes"]),
        (&json!(1), &json!(3_000_000))
    );
    // The checks had it copied, as machines have.
    let of = |origin: &str| counted["origins"][origin]["bytes"].as_u64();
    assert_eq!(
        (of("hit").max(of("fill")), of("storage")),
        (Some(3_000_000), Some(0))
    );
    assert_eq!(counted["backends"][0]["name"], "images");

    let outside = check(&service, &["images:/secret.efi"]);
    assert_eq!(outside.code, Some(1));
    assert!(outside.out.contains("boot_path"), "{}", outside.out);
    let none = check(&service, &["images:/boot/none.efi"]);
    assert!(none.out.contains("The answer is 404"), "{}", none.out);
    let unknown = check(&service, &["other:/boot/a.efi"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(1), ""));
    assert!(!service.log().contains("hush"), "{}", service.log());
}

#[test]
fn settings_that_are_missing_are_named() {
    let service = Service::start();
    let config = json!({ "base_url": "http://127.0.0.1:9" });
    register(
        &service,
        &json!({ "name": "web", "type": "http", "config": config }),
    );
    let done = check(&service, &["web:/boot/grubx64.efi"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    for setting in ["boot_listen", "boot_networks", "boot_path"] {
        assert!(done.out.contains(setting), "{}", done.out);
    }
}

/// A boot loader that seeks would take the whole file for the range.
#[test]
fn a_file_without_a_validator_fails_where_ranges_are_needed() {
    let home = directory();
    let service = Service::start_in(&home.path().join("state"), &BOOTING);
    for (name, content) in [("programs", program()), ("disks", iso())] {
        let config = json!({ "base_url": web_server(move |head| {
            let sent = if head.starts_with("get") { content.as_slice() } else { b"" };
            (content.len(), sent.to_vec())
        }) });
        register(
            &service,
            &json!({ "name": name, "type": "http", "config": config, "boot_path": "/" }),
        );
    }
    for (place, wanted) in [
        ("programs:/grubx64.efi", [B, B, F, B, U]),
        ("disks:/cd.iso", [F, B, F, U, F]),
    ] {
        let done = check(&service, &["--json", place]);
        let checked = json_of(&done);
        assert_eq!(outcomes(&checked), wanted, "{checked:#}");
        assert_eq!(done.code, Some(1));
        let detail = checked["clients"][2]["detail"].as_str().expect("a text");
        assert!(detail.contains("no strong validator"), "{detail}");
    }
}
