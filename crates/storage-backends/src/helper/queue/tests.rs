use super::*;
use crate::helper::Queues;

/// Holds a lease until it is preempted.
async fn hold(queue: Arc<HelperQueue>, cx: OpContext) -> Result<(), Error> {
    let lease = queue.enter(&cx, Purpose::Probe).await?;
    lease.bound("the step", std::future::pending()).await
}

#[tokio::test]
async fn preempting_ends_those_that_wait_too() {
    let queue = Queues::default().of(BackendId::generate());
    let cx = OpContext::within(Duration::from_secs(20));
    let held: Vec<_> = (0..5)
        .map(|_| tokio::spawn(hold(Arc::clone(&queue), cx.clone())))
        .collect();
    while queue.is_idle(Purpose::Probe) {
        tokio::task::yield_now().await;
    }
    let preempted = queue.preempt(&cx).await;
    for lease in held {
        let ended = lease.await.unwrap();
        assert!(ended.as_ref().is_err_and(Error::is_cancelled), "{ended:?}");
    }
    assert!(!queue.is_idle(Purpose::Probe), "the queue is not kept free");

    // A second preemption waits for the first instead of ending it.
    let other = Arc::clone(&queue);
    let second = tokio::spawn(async move { other.preempt(&OpContext::within(KILL_GRACE)).await });
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    drop(preempted);
    drop(second.await.unwrap());
    assert!(queue.enter(&cx, Purpose::Probe).await.is_ok());
}

#[tokio::test]
async fn a_queue_whose_helper_hangs_refuses_at_once() {
    let queues = Queues::default();
    let queue = queues.of(BackendId::generate());
    let cx = OpContext::within(Duration::from_secs(20));
    let lease = queue.enter(&cx, Purpose::Probe).await.unwrap();
    let (other, its) = (Arc::clone(&queue), cx.clone());
    let waiting = tokio::spawn(async move { other.enter(&its, Purpose::Probe).await.map(|_| ()) });
    tokio::task::yield_now().await;
    queue.set_stuck(Purpose::Probe, 7);
    for refused in [
        waiting.await.unwrap(),
        queue.enter(&cx, Purpose::Probe).await.map(|_| ()),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused.kind(), ErrorKind::Stuck { pid: 7, .. }),
            "{refused:?}"
        );
    }
    assert!(queue.enter(&cx, Purpose::Scan).await.is_ok());
    assert_eq!(queues.stuck().len(), 1);
    queue.unset_stuck(7);
    drop(lease);
    assert!(queue.enter(&cx, Purpose::Probe).await.is_ok());
    assert_eq!(queues.stuck(), []);
}

/// `/bin/true` is not a helper: it exits without an answer.
#[tokio::test]
async fn an_unmount_works_beside_one_helper_that_hangs() {
    let queues = Queues::new(HelperCommand::program("/bin/true"));
    let queue = queues.of(BackendId::generate());
    let cx = OpContext::within(Duration::from_secs(20));
    let call = Call::Sweep { dir: "/".into() };
    queue.set_stuck(Purpose::Probe, 1);
    let started = queue.call_beside(&cx, "the unmount", &call).await.unwrap_err();
    assert_eq!(started.kind(), &ErrorKind::Helper, "{started:?}");
    queue.set_stuck(Purpose::Unmount, 2);
    let refused = queue.call_beside(&cx, "the unmount", &call).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Stuck { .. }), "{refused:?}");
    let beside = queues.of(BackendId::generate());
    let started = beside.call_beside(&cx, "the unmount", &call).await.unwrap_err();
    assert_eq!(started.kind(), &ErrorKind::Helper, "{started:?}");
}

#[tokio::test]
async fn queues_in_use_are_kept() {
    let queues = Queues::default();
    let id = BackendId::generate();
    let cx = OpContext::within(Duration::from_secs(20));
    let lease = queues.of(id).enter(&cx, Purpose::Scan).await.unwrap();
    queues.of(BackendId::generate());
    assert!(!queues.of(id).is_idle(Purpose::Scan), "the queue was made again");
    drop(lease);
    queues.of(BackendId::generate());
    assert_eq!(queues.len(), 1);
}
