use std::path::Path;

use super::*;
use crate::helper::{HelperCommand, Queues};

/// A helper that never answers.
fn hanging() -> (Arc<HelperQueue>, FilesPlace) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/helpers/hangs");
    let queue = Queues::new(HelperCommand::program(script)).of(storage_domain::BackendId::generate());
    let place = FilesPlace {
        root: FilesRoot::new("/"),
        patience: Duration::from_hours(1),
        idle: FilesPlace::IDLE,
    };
    (queue, place)
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_unmount_ends_the_helper_and_its_calls() {
    let (queue, place) = hanging();
    let cx = OpContext::within(LONG);
    let (at, stat) = (FilePath::root(), async |queue: &Arc<HelperQueue>, place| {
        queue.stat_file(&cx, place, &FilePath::root()).await
    });
    let request = ReadRequest {
        offset: 0,
        length: None,
        etag: None,
        size: None,
    };
    let upload = (uuid::Uuid::new_v4(), false);
    let (stat, read, write, preempted) = tokio::join!(
        stat(&queue, &place),
        queue.read_file(&cx, &place, &at, &request),
        queue.write_upload(&cx, &place, &at, upload),
        async {
            while queue.is_idle(Purpose::Files) || queue.is_idle(Purpose::Upload) {
                tokio::task::yield_now().await;
            }
            queue.preempt(&cx).await
        }
    );
    assert!(stat.as_ref().is_err_and(Error::is_cancelled), "{stat:?}");
    assert!(read.as_ref().is_err_and(Error::is_cancelled));
    assert!(write.as_ref().is_err_and(Error::is_cancelled));
    for purpose in [Purpose::Files, Purpose::Upload] {
        assert!(
            !queue.is_idle(purpose),
            "a new helper would use the mount that goes"
        );
    }
    drop(preempted);
    assert!(queue.is_idle(Purpose::Files) && queue.is_idle(Purpose::Upload));
}

#[tokio::test]
async fn a_call_that_hangs_ends_all_calls() {
    let (queue, patient) = hanging();
    let impatient = FilesPlace {
        patience: Duration::from_millis(300),
        ..patient.clone()
    };
    let (cx, at) = (OpContext::within(LONG), FilePath::root());
    let (a, b) = tokio::join!(
        queue.stat_file(&cx, &impatient, &at),
        queue.stat_file(&cx, &patient, &at)
    );
    for hung in [a, b] {
        assert!(
            hung.as_ref().is_err_and(|e| e.is_timeout() && e.is_temporary()),
            "{hung:?}"
        );
    }
    while !queue.is_idle(Purpose::Files) {
        tokio::task::yield_now().await;
    }
    // A caller that has no time says nothing of the helper.
    let mut other = Box::pin(queue.stat_file(&cx, &patient, &at));
    assert!(futures_util::poll!(&mut other).is_pending());
    let short = OpContext::within(Duration::from_millis(50));
    let late = queue.stat_file(&short, &patient, &at).await;
    assert!(late.as_ref().is_err_and(Error::is_timeout), "{late:?}");
    assert!(
        futures_util::poll!(&mut other).is_pending(),
        "the helper was killed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_transfer_waits_ten_seconds_for_another() {
    let (queue, place) = hanging();
    let _taken = Arc::clone(&queue.works.permits[Class::Transfer as usize])
        .acquire_many_owned(u32::try_from(Class::Transfer.max()).unwrap())
        .await
        .unwrap();
    let request = ReadRequest {
        offset: 0,
        length: None,
        etag: None,
        size: None,
    };
    let read = queue
        .read_file(&OpContext::within(LONG), &place, &FilePath::root(), &request)
        .await;
    let refused = read.map(|_| ()).map_err(Error::into_kind);
    assert_eq!(refused, Err(ErrorKind::TooBusy));
}

#[tokio::test(start_paused = true)]
async fn an_upload_waits_ten_seconds_for_another() {
    let (queue, place) = hanging();
    let cx = OpContext::within(LONG);
    let mut taken = Vec::new();
    for _ in 0..MAX_UPLOADS {
        taken.push(queue.enter(&cx, Purpose::Upload).await.unwrap());
    }
    let upload = (uuid::Uuid::new_v4(), false);
    let write = queue.write_upload(&cx, &place, &FilePath::root(), upload).await;
    let refused = write.map(|_| ()).map_err(Error::into_kind);
    assert_eq!(refused, Err(ErrorKind::TooBusy));
}

#[tokio::test]
async fn uploads_are_refused_only_when_all_their_helpers_hang() {
    let (queue, cx) = (hanging().0, OpContext::within(LONG));
    let mut leases = Vec::new();
    for pid in 1..=MAX_UPLOADS {
        leases.push(queue.enter(&cx, Purpose::Upload).await.unwrap());
        queue.set_stuck(Purpose::Upload, pid);
    }
    let refused = queue.enter(&cx, Purpose::Upload).await.map(|_| ());
    let kind = refused.map_err(Error::into_kind);
    assert!(matches!(kind, Err(ErrorKind::Stuck { .. })), "{kind:?}");
    queue.unset_stuck(1);
    drop(leases.pop());
    assert!(queue.enter(&cx, Purpose::Upload).await.is_ok());
}
