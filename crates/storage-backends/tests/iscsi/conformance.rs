//! The suite that every backend passes, against tgt.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::iscsi::Limits;
use storage_backends::testkit::conformance::{Subject, run};

use crate::iscsi::closed::ClosedPort;
use crate::iscsi::tgt::Tgt;
use crate::iscsi::{CANARY, IQN, MIB, OTHER_CANARY, backend, with_mutual};

#[rstest]
#[case::open(json!({}), false)]
#[case::mutual(with_mutual(CANARY, OTHER_CANARY), true)]
#[tokio::test]
async fn keeps_to_it(#[case] config: Value, #[case] closed: bool) {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, MIB);
    tgt.open(1);
    if closed {
        tgt.account(1, "ops", CANARY, false);
        tgt.account(1, "nas", OTHER_CANARY, true);
    }
    let closed_port = ClosedPort::take();
    run(&Subject {
        healthy: Arc::new(backend(tgt.port, config.clone(), Limits::default())),
        unreachable: Arc::new(backend(closed_port.number, config, Limits::default())),
        secrets: vec![CANARY.to_owned(), OTHER_CANARY.to_owned()],
        limit: Duration::from_secs(30),
    })
    .await;
    tgt.is_left().await;
}
