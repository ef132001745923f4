//! Secrets are in no log, however much is logged.

use std::io::Write;
use std::sync::{Arc, Mutex};

use storage_backends::Tree as _;
use tracing_subscriber::fmt::MakeWriter;

use crate::s3::fake::{Fake, object, page, refusal};
use crate::s3::{backend, config, cx, probe};

/// What was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_holds_one() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let fake = Fake::start(|asked| match asked.number {
        0 => refusal(403, "SignatureDoesNotMatch", "no", ""),
        1 => refusal(503, "SlowDown", "slow", ""),
        _ => page(&object("a.iso", "1")),
    })
    .await;
    let backend = backend(config(&fake.url(), "images", "AK"));
    assert!(!probe(&backend).await.passed());
    assert_eq!(backend.scan(&cx(), Arc::default()).await.unwrap().files, 1);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("sent again"), "the log is on: {logged}");
    assert!(!logged.contains("hush"), "{logged}");
}
