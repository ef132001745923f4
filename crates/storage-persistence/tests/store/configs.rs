//! Configs of every kind, with their secrets, come back as they went in.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::{BackendConfig, BackendKind};
use storage_persistence::NewBackend;
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};

use crate::support::name;

const CASES: usize = 100;

fn secret() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        "[ -~]{1,40}".prop_map(Value::from),
        "[^\\p{Cc}]{1,40}".prop_map(Value::from),
        // What SQL and JSON could trip over.
        prop::sample::select(vec![
            "'; DROP TABLE backends; --",
            "\\u0000",
            "\"}",
            "%s$1?",
            "\u{feff}\u{202e}",
            "💾"
        ])
        .prop_map(Value::from),
    ]
}

fn members() -> impl Strategy<Value = (BackendKind, Value)> {
    let nfs = "/[^\\x00]{0,60}".prop_filter("no segment that leads up", |p| !p.split('/').any(|s| s == ".."));
    let nfs = nfs.prop_map(|path| {
        (
            BackendKind::Nfs,
            json!({"server": "[fe80::1%eth0]", "export_path": path}),
        )
    });
    let http = ("[^\\p{Cc}:]{1,30}", secret()).prop_map(|(user, password)| {
        let members = json!({
            "base_url": "https://h/a%20b", "auth_method": "basic", "username": user, "password": password,
        });
        (BackendKind::Http, members)
    });
    let s3 = secret().prop_map(|secret| {
        let members = json!({
            "endpoint": "s3.lab:9000", "bucket": "images", "access_key_id": "AK", "secret_access_key": secret,
        });
        (BackendKind::S3, members)
    });
    let iscsi = (secret(), secret(), secret()).prop_map(|(one, two, three)| {
        let members = json!({
            "target": "10.0.0.5", "port": 65535, "chap_enabled": true, "chap_password": one,
            "mutual_chap_password": two, "discovery_chap_password": three,
        });
        (BackendKind::Iscsi, members)
    });
    prop_oneof![nfs, http, s3, iscsi]
}

#[rstest]
#[tokio::test]
async fn every_config_comes_back(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let mut runner = TestRunner::default();
    for i in 0..CASES {
        let (kind, members) = members().new_tree(&mut runner).unwrap().current();
        let config = BackendConfig::parse(kind, members.as_object().unwrap()).unwrap();
        let new = NewBackend {
            name: name(&format!("b{i}")),
            config,
            boot_path: None,
        };
        let made = store.create(new, None).await.unwrap();
        let got = store.open(made.id).await.unwrap();
        assert_eq!(got.config.stored(), made.config.stored(), "{members}");
        assert_eq!(got, made);
    }
}
