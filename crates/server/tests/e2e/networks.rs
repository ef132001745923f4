//! Networks that backends may not be in.

use serde_json::{Value, json};

use crate::service::{Service, directory, run};

const REFUSED: &str = "this service may not connect to; allow it with allow_networks";

fn test(service: &Service, name: &str, kind: &str, config: &Value) -> Value {
    let body = json!({ "name": name, "type": kind, "config": config }).to_string();
    let made = service.ask("POST", "/api/v1/storage/backends", &body);
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["data"]["id"].as_str().expect("an id").to_owned();
    service
        .ask("POST", &format!("/api/v1/storage/backends/{id}/test"), "")
        .json()["data"]
        .clone()
}

#[test]
fn no_kind_of_backend_reaches_what_is_denied() {
    let service = Service::start();
    let metadata = "169.254.169.254";
    for (kind, config) in [
        ("nfs", json!({ "server": metadata, "export_path": "/" })),
        ("http", json!({ "base_url": format!("http://{metadata}/latest") })),
        (
            "s3",
            json!({ "endpoint": format!("http://{metadata}"), "bucket": "images", "access_key_id": "k", "secret_access_key": "s" }),
        ),
        ("iscsi", json!({ "target": metadata })),
    ] {
        let data = test(&service, kind, kind, &config);
        assert_eq!(data["success"], false, "{kind}: {data}");
        let first = &data["checks"][0];
        assert_eq!(
            (&first["name"], &first["outcome"]),
            (&json!("resolve"), &json!("failed")),
            "{kind}"
        );
        assert!(
            data["message"].as_str().is_some_and(|m| m.contains(REFUSED)),
            "{kind}: {data}"
        );
    }
    let account =
        json!({ "endpoint": format!("http://{metadata}"), "access_key_id": "k", "secret_access_key": "s" });
    for (method, path, body) in [
        ("GET", "nfs?server=169.254.169.254", String::new()),
        ("GET", "iscsi?portal=169.254.169.254", String::new()),
        ("POST", "s3", account.to_string()),
    ] {
        let answer = service.ask(method, &format!("/api/v1/storage/discover/{path}"), &body);
        assert!(
            answer.status >= 400 && answer.body.contains(REFUSED),
            "{path}: {}",
            answer.body
        );
    }
}

#[test]
fn networks_are_settings() {
    let home = directory();
    let options = ["--deny-networks", "any", "--allow-networks", "127.0.0.1,::1"];
    let service = Service::start_in(&home.path().join("state"), &options);
    let denied = test(
        &service,
        "denied",
        "http",
        &json!({ "base_url": "http://192.0.2.1" }),
    );
    assert!(
        denied["message"].as_str().is_some_and(|m| m.contains(REFUSED)),
        "{denied}"
    );
    let there = format!("http://{}", service.address);
    let allowed = test(&service, "allowed", "http", &json!({ "base_url": there }));
    assert_eq!(allowed["checks"][1]["outcome"], "passed", "{allowed}");

    let probed = run(&[
        "probe",
        "http",
        "--deny-networks",
        "loopback",
        "--base-url",
        &there,
    ]);
    assert_eq!(probed.code, Some(1), "{}", probed.err);
    assert!(probed.out.contains(REFUSED), "{}", probed.out);
}
