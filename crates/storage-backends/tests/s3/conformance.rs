//! The suite that every backend passes.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::testkit::conformance::{Subject, run};

use crate::s3::closed::ClosedPort;
use crate::s3::store::Store;
use crate::s3::swift::Swift;
use crate::s3::trees::OBJECTS;
use crate::s3::{CANARY, backend, config};

fn at(port: &ClosedPort) -> String {
    format!("http://127.0.0.1:{}", port.number)
}

#[tokio::test]
async fn a_store_keeps_to_it() {
    let server = Store::start().await;
    for (key, size) in OBJECTS {
        server.put(key, vec![b'x'; usize::try_from(size).unwrap()]);
    }
    let closed = ClosedPort::take();
    run(&Subject {
        healthy: Arc::new(backend(server.config())),
        unreachable: Arc::new(backend(config(&at(&closed), "images", "AK"))),
        secrets: vec![CANARY.to_owned()],
        limit: Duration::from_secs(30),
    })
    .await;
}

#[tokio::test]
async fn swift_keeps_to_it() {
    let swift = Swift::start().await;
    let closed = ClosedPort::take();
    run(&Subject {
        healthy: Arc::new(backend(swift.config())),
        unreachable: Arc::new(backend(config(&at(&closed), "images", "AK"))),
        secrets: vec![CANARY.to_owned()],
        limit: Duration::from_secs(30),
    })
    .await;
}
