//! Keys that change twice while a process looks for those of the first change.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use serde_json::json;
use storage_domain::{BackendConfig, BackendKind};
use tokio::task::{spawn_blocking, yield_now};

use super::*;
use crate::NewBackend;
use crate::testkit::{TestDatabase, TestDatabaseKind};

fn web() -> NewBackend {
    let config = json!({"base_url": "http://127.0.0.1", "auth_method": "bearer", "password": "secret"});
    NewBackend {
        name: "web".parse().unwrap(),
        config: BackendConfig::parse(BackendKind::Http, config.as_object().unwrap()).unwrap(),
        boot_path: None,
    }
}

/// The file was read before the second rotation, and the database is after it.
#[test]
fn a_rotation_may_end_between_two_looks() {
    // One thread, which carries out work in its order.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let database = TestDatabase::empty(TestDatabaseKind::Sqlite).await;
        let source = KeySource::Own(database.directory().unwrap().join("secret.key"));
        let service = database.store();
        service.migrate().await.unwrap();
        service.unlock(source.clone()).await.unwrap();
        let command = Store::connect(database.settings()).await.unwrap();
        command.rotate(&source, Rotation::Whole, None).await.unwrap();
        let mut creation = pin!(service.create(web(), None));
        while service.keyring.reloading.try_lock().is_ok() {
            let polled = poll_fn(|cx| Poll::Ready(creation.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            yield_now().await;
        }
        spawn_blocking(|| ()).await.unwrap();
        command.rotate(&source, Rotation::Whole, None).await.unwrap();
        let created = creation.await.unwrap();
        assert!(service.open(created.id).await.is_ok());
    });
}
