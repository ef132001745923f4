//! How long the store takes on SQLite: one backend, and a list of a thousand, without and with secrets.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use storage_domain::{BackendConfig, BackendId, BackendKind};
use storage_persistence::testkit::{TestDatabase, TestDatabaseKind};
use storage_persistence::{BackendFilter, NewBackend};
use tokio::runtime::Runtime;

const ROWS: usize = 1000;

async fn filled(kind: BackendKind, members: &Value) -> (TestDatabase, BackendId) {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    let config = members
        .as_object()
        .and_then(|m| BackendConfig::parse(kind, m).ok());
    let config = config.expect("the config is valid");
    let mut last = BackendId::generate();
    for i in 0..ROWS {
        let name = format!("backend {i}").parse().expect("the name is valid");
        let new = NewBackend {
            name,
            config: config.clone(),
            boot_path: None,
        };
        last = database
            .store()
            .create(new, None)
            .await
            .expect("the name is free")
            .id;
    }
    (database, last)
}

fn benches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let nfs = json!({"server": "nas.lab", "export_path": "/srv/images"});
    let http = json!({"base_url": "http://web.lab", "auth_method": "basic", "username": "u"});
    let sealed =
        json!({"base_url": "http://web.lab", "auth_method": "basic", "username": "u", "password": "hunter2"});
    measure(criterion, &runtime, "store", BackendKind::Nfs, &nfs);
    measure(criterion, &runtime, "store/http", BackendKind::Http, &http);
    measure(criterion, &runtime, "store/sealed", BackendKind::Http, &sealed);
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, group: &str, kind: BackendKind, members: &Value) {
    let (database, id) = runtime.block_on(filled(kind, members));
    let store = database.store();
    criterion.bench_function(&format!("{group}/get"), |b| {
        b.iter(|| black_box(runtime.block_on(store.get(id)).is_ok()));
    });
    let all = BackendFilter::default();
    criterion.bench_function(&format!("{group}/list_1000"), |b| {
        b.iter(|| black_box(runtime.block_on(store.list(&all)).is_ok()));
    });
    criterion.bench_function(&format!("{group}/list_json_1000"), |b| {
        b.iter(|| black_box(runtime.block_on(store.list_json(&all)).is_ok()));
    });
    let page = BackendFilter {
        limit: Some(10),
        ..BackendFilter::default()
    };
    criterion.bench_function(&format!("{group}/page_of_10"), |b| {
        b.iter(|| black_box(runtime.block_on(store.list(&page)).is_ok()));
    });
}

criterion_group!(group, benches);
criterion_main!(group);
