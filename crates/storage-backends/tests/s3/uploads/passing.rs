//! Publications that fail for reasons that pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A server that is too busy for longer than anybody waits does not cost the upload.
#[tokio::test]
async fn a_publication_that_failed_for_now_is_repeated() {
    let is_busy = Arc::new(AtomicBool::new(true));
    let was_asked = Arc::new(AtomicBool::new(false));
    let (busy, asked_for) = (Arc::clone(&is_busy), Arc::clone(&was_asked));
    let store = Store::with(Honours::All, move |asked| {
        if asked.starts_with("POST uploadId") && busy.load(Ordering::SeqCst) {
            asked_for.store(true, Ordering::SeqCst);
            Fault::Refused(503, "SlowDown")
        } else {
            Fault::None
        }
    })
    .await;
    let (backend, bytes) = (backend(store.config()), content(PART + 1));
    let mut upload = written(&backend, "/d/file", &bytes).await;
    let record = upload.record().unwrap().to_owned();
    let mut seconds = 1;
    loop {
        let short = OpContext::within(Duration::from_secs(seconds));
        let error = upload.publish(&short, &Condition::None).await.unwrap_err();
        assert!(error.is_temporary(), "{}", told(&error));
        if was_asked.load(Ordering::SeqCst) {
            break;
        }
        // On a busy machine the time may be over before the parts are there.
        seconds *= 2;
        upload = backend.resume(&cx(), &path("/d/file"), &record).await.unwrap();
        let stored = usize::try_from(upload.stored()).unwrap();
        upload.write(&cx(), bytes.slice(stored..)).await.unwrap();
    }
    is_busy.store(false, Ordering::SeqCst);
    let mut upload = backend.resume(&cx(), &path("/d/file"), &record).await.unwrap();
    assert_eq!(upload.stored(), PART as u64);
    upload.write(&cx(), bytes.slice(PART..)).await.unwrap();
    upload.publish(&cx(), &Condition::None).await.unwrap();
    assert_eq!((store.bytes("d/file").unwrap(), store.uploads()), (bytes, 0));
}

/// No answer comes of what the server did.
#[rstest]
#[case::put("PUT", 3)]
#[case::complete("POST uploadId", PART + 1)]
#[tokio::test]
async fn a_file_is_found_although_no_answer_came(#[case] kind: &'static str, #[case] length: usize) {
    let store = Store::with(Honours::All, move |asked| {
        match asked.strip_prefix(kind).map(str::trim_start) {
            Some("0") => Fault::Lost,
            Some(number) if number.parse::<u32>().is_ok() => Fault::Refused(503, "SlowDown"),
            _ => Fault::None,
        }
    })
    .await;
    let (backend, bytes) = (backend(store.config()), content(length));
    let upload = written(&backend, "/d/file", &bytes).await;
    let short = OpContext::within(Duration::from_secs(2));
    let entry = upload.publish(&short, &Condition::None).await.unwrap();
    assert_eq!(entry.size.unwrap().get(), length as u64);
    assert_eq!(store.bytes("d/file").unwrap(), bytes);
}

/// Whether the first try made the object is not known before the server says again what is at its key.
#[tokio::test]
async fn a_publication_that_nobody_can_look_for_may_be_repeated() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let store = Store::with(Honours::All, move |asked| match asked {
        "POST uploadId 0" => {
            down.store(true, Ordering::SeqCst);
            Fault::Lost
        }
        asked if down.load(Ordering::SeqCst) && !asked.starts_with("POST") => {
            Fault::Refused(503, "ServiceUnavailable")
        }
        _ => Fault::None,
    })
    .await;
    let (backend, bytes) = (backend(store.config()), content(PART + 1));
    let upload = written(&backend, "/d/file", &bytes).await;
    let short = OpContext::within(Duration::from_secs(3));
    let error = upload.publish(&short, &Condition::None).await.unwrap_err();
    assert!(error.is_temporary(), "{}", told(&error));
    assert_eq!(store.bytes("d/file").unwrap(), bytes);
    is_down.store(false, Ordering::SeqCst);
    let there = backend.stat(&cx(), &path("/d/file")).await.unwrap();
    assert_eq!(there.size.unwrap().get(), bytes.len() as u64);
}
