//! Checks of files, over the listener's own code.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::ErrorKind;
use storage_backends::testkit::FakeBackend;
use storage_domain::BackendKind;

use super::super::harness::{Answer, Api, BACKENDS, config};
use super::Rack;

/// Bytes of the largest file: more than the sockets between a check and the listener hold.
const LARGE_BYTES: usize = 20_000_000;

/// A program for EFI.
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 10_000];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    bytes[0x80 + 0x5c] = 10;
    bytes
}

/// A large image of a CD whose bytes differ.
fn iso() -> Vec<u8> {
    let bytes = (0..LARGE_BYTES).map(|at| u8::try_from(at % 251).unwrap());
    let mut bytes: Vec<_> = bytes.collect();
    bytes[32_769..32_774].copy_from_slice(b"CD001");
    bytes
}

fn files() -> FakeBackend {
    FakeBackend::healthy(BackendKind::Nfs).with_files([
        ("/boot/grubx64.efi", program().as_slice()),
        ("/boot/cd 1.iso", iso().as_slice()),
        ("/boot/start.ipxe", b"#!ipxe\nboot\n"),
        ("/boot/broken.efi", b"not a program"),
        ("/boot/linux.gz", b"\x1f\x8b\x08"),
        ("/boot/empty.iso", b""),
        ("/private/secret.efi", b"hush"),
    ])
}

async fn rack() -> Rack {
    Rack::with(files(), "127.0.0.0/8", [127, 0, 0, 1]).await
}

async fn check(rack: &Rack, path: &str) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("path", path)
        .finish();
    rack.api
        .call("GET", &format!("{}/boot-check?{query}", rack.backend), None)
        .await
}

async fn checked(rack: &Rack, path: &str) -> Value {
    let answer = check(rack, path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.data().clone()
}

/// The outcomes in the order of the clients: iPXE, UEFI HTTP Boot, GRUB, shim, BMC.
fn outcomes(data: &Value) -> Vec<&str> {
    let clients = data["clients"].as_array().unwrap();
    let names: Vec<_> = clients
        .iter()
        .map(|client| client["client"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ipxe", "uefi-http", "grub", "shim", "bmc"]);
    clients
        .iter()
        .map(|client| client["outcome"].as_str().unwrap())
        .collect()
}

const B: &str = "boots";
const U: &str = "unsuitable";
const F: &str = "fails";

#[rstest]
#[case("grubx64.efi", [B, B, B, B, U], "chain", Some("chainloader"))]
#[case("cd 1.iso", [B, B, B, U, B], "sanboot", Some("loopback loop"))]
#[case("start.ipxe", [B, U, U, U, U], "chain", None)]
#[case("broken.efi", [F, F, F, F, U], "chain", Some("chainloader"))]
#[case("linux.gz", [B, U, B, U, U], "initrd", Some("initrd"))]
#[case("empty.iso", [F, F, F, F, F], "sanboot", Some("loopback loop"))]
#[actix_web::test]
async fn files_and_clients(
    #[case] name: &str,
    #[case] wanted: [&str; 5],
    #[case] ipxe: &str,
    #[case] grub: Option<&str>,
) {
    let rack = rack().await;
    let data = checked(&rack, &format!("/boot/{name}")).await;
    assert_eq!(outcomes(&data), wanted, "{data:#}");
    let (address, target) = (rack.address, format!("/b/nas/{}", name.replace(' ', "%20")));
    assert_eq!(data["url"], format!("http://{address}{target}"));
    assert_eq!(data["lines"]["ipxe"], format!("{ipxe} http://{address}{target}"));
    let grub = grub.map(|command| format!("{command} (http,{address}){target}"));
    assert_eq!(data["lines"]["grub"], json!(grub));
    // It is where the file is.
    assert_eq!(rack.status(&target).await, 200);
}

/// Each client learns why, and nothing of the file.
#[rstest]
#[case(
    "/private/secret.efi",
    "not below the boot_path of the backend, which is /boot"
)]
#[case("/", "not below the boot_path")]
#[case("/boot", "not below the boot_path")]
#[case("/boot/none.efi", "The answer is 404: There is nothing at this path")]
#[actix_web::test]
async fn what_no_client_gets(#[case] path: &str, #[case] words: &str) {
    let rack = rack().await;
    let data = checked(&rack, path).await;
    assert_eq!(outcomes(&data), [F; 5]);
    assert!(!data.to_string().contains("hush"));
    for client in data["clients"].as_array().unwrap() {
        assert!(client["detail"].as_str().unwrap().contains(words), "{client}");
    }
    assert_eq!(data["url"].is_null(), !path.starts_with("/boot/"), "{data}");
}

#[actix_web::test]
async fn a_directory_is_no_file() {
    let rack = Rack::with(
        files().with_files([("/boot/x64/a.efi", b"".as_slice())]),
        "127.0.0.0/8",
        [127, 0, 0, 1],
    )
    .await;
    let data = checked(&rack, "/boot/x64").await;
    assert_eq!(outcomes(&data), [F; 5]);
    let detail = data["clients"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("This is a directory"), "{detail}");
}

#[actix_web::test]
async fn storage_that_is_down_is_said() {
    let rack = rack().await;
    rack.fake.refuse_stats(Some(ErrorKind::Server));
    let data = checked(&rack, "/boot/grubx64.efi").await;
    assert_eq!(outcomes(&data), [F; 5]);
    let detail = data["clients"][1]["detail"].as_str().unwrap();
    assert!(detail.starts_with("The answer is 503: "), "{detail}");
    // By its name.
    assert!(data["lines"]["ipxe"].as_str().unwrap().starts_with("chain http"));
}

#[actix_web::test]
async fn storage_that_breaks_off_is_said() {
    let rack = Rack::with(files().breaking_off(5000), "127.0.0.0/8", [127, 0, 0, 1]).await;
    let data = checked(&rack, "/boot/grubx64.efi").await;
    assert_eq!(outcomes(&data), [F, F, F, F, U]);
    let detail = data["clients"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("The answer broke off"), "{detail}");
}

/// What is missing is said at once, with what to set.
#[actix_web::test]
async fn settings_that_are_missing_are_named() {
    let rack = rack().await;
    let fake = Arc::clone(&rack.fake);
    let api = Api::with(move |_| Arc::clone(&fake) as _).await;
    let backend = api.create("nas", BackendKind::Nfs).await;
    let path = format!("{backend}/boot-check?path=/boot/grubx64.efi");
    let data = api.call("GET", &path, None).await.data().clone();
    assert_eq!(outcomes(&data), [F; 5]);
    let detail = data["clients"][0]["detail"].as_str().unwrap();
    for setting in ["boot_listen", "boot_networks", "boot: true", "boot_path"] {
        assert!(detail.contains(setting), "{detail}");
    }
    assert_eq!(
        (&data["url"], &data["lines"]["ipxe"]),
        (&Value::Null, &Value::Null)
    );

    let change = json!({ "boot_path": "/boot" });
    api.call("PATCH", &backend, Some(change)).await;
    let data = api.call("GET", &path, None).await.data().clone();
    assert_eq!(outcomes(&data), [F; 5]);
    assert_eq!(data["url"], "/b/nas/grubx64.efi");
    assert!(!data.to_string().contains("boot_path"), "{data}");
}

/// A name that can't be in a path gives way to the id.
#[actix_web::test]
async fn the_address_of_a_backend_whose_name_has_a_slash() {
    let rack = rack().await;
    rack.api
        .call(
            "PATCH",
            &rack.backend,
            Some(json!({ "name": "a/b", "boot_path": "/" })),
        )
        .await;
    let data = checked(&rack, "/boot/grubx64.efi").await;
    let id = rack.backend.rsplit('/').next().unwrap();
    let target = format!("/b/{id}/boot/grubx64.efi");
    assert_eq!(data["url"], format!("http://{}{target}", rack.address));
    assert_eq!(rack.status(&target).await, 200);
}

#[actix_web::test]
async fn requests_are_checked() {
    let rack = rack().await;
    let bare = format!("{}/boot-check", rack.backend);
    rack.api
        .call("GET", &bare, None)
        .await
        .assert_refused(422, "invalid_query", &["/path"]);
    check(&rack, "boot")
        .await
        .assert_refused(422, "invalid_query", &["/path"]);
    let none = format!("{BACKENDS}/none/boot-check?path=/a");
    rack.api
        .call("GET", &none, None)
        .await
        .assert_refused(404, "backend_not_found", &[]);
    let body = json!({ "name": "disks", "type": "iscsi", "config": config(BackendKind::Iscsi) });
    let created = Api::healthy().await;
    let disks = created.call("POST", BACKENDS, Some(body)).await;
    let path = format!("{}/boot-check?path=/a", disks.header("location"));
    created
        .call("GET", &path, None)
        .await
        .assert_refused(409, "no_files", &[]);
}
