//! Helpers that misbehave: real processes, found in /proc.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rstest::rstest;
use storage_backends::helper::{HelperCommand, HelperQueue, Queues};
use storage_backends::{Error, ErrorKind, OpContext};
use storage_domain::BackendId;
use tokio_util::sync::CancellationToken;

use crate::support::until::{SOON, until};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/helpers")
        .join(name)
}

fn queue(name: &str) -> Arc<HelperQueue> {
    Queues::new(HelperCommand::program(fixture(name))).of(BackendId::generate())
}

/// The children of this process that run the fixture, and theirs, by process group.
fn groups(name: &str) -> Vec<i32> {
    let script = fixture(name).display().to_string();
    let me = std::process::id().to_string();
    let mut groups = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let stat = read("stat");
        let parent = stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        if read("cmdline").contains(&script) && parent == me {
            groups.push(pid);
        }
    }
    groups
}

fn members(group: i32) -> usize {
    let of = |stat: String| stat.rsplit(") ").next()?.split(' ').nth(2)?.parse::<i32>().ok();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|e| std::fs::read_to_string(e.path().join("stat")).ok())
        .filter_map(of)
        .filter(|g| *g == group)
        .count()
}

/// Waits until the fixture runs with a child of its own; gives its process group.
async fn started(name: &str, running: usize) -> i32 {
    until("the helper did not start", || {
        groups(name).iter().any(|g| members(*g) >= running)
    })
    .await;
    groups(name)[0]
}

/// All that concerns the fixture that hangs is one test: it looks for its processes by name.
#[tokio::test]
async fn a_helper_that_hangs_is_killed_with_all_that_it_started() {
    let queue = queue("hangs");

    let begun = Instant::now();
    let cx = OpContext::within(Duration::from_millis(300));
    let result = queue.statfs(&cx, Path::new("/")).await;
    assert!(
        matches!(&result, Err(error) if error.is_timeout() && error.step() == "statfs"),
        "{result:?}"
    );
    assert!(begun.elapsed() < SOON);
    assert_eq!(
        groups("hangs"),
        Vec::<i32>::new(),
        "it is reaped when the call ends"
    );

    let cancel = CancellationToken::new();
    let cx = OpContext::within(SOON * 3).with_cancel(cancel.clone());
    let (result, group) = tokio::join!(queue.statfs(&cx, Path::new("/")), async {
        let group = started("hangs", 3).await;
        cancel.cancel();
        group
    });
    assert!(result.as_ref().is_err_and(Error::is_cancelled), "{result:?}");
    until("the group outlived the cancellation", || members(group) == 0).await;

    let cx = OpContext::within(SOON * 3);
    let group = tokio::select! {
        result = queue.statfs(&cx, Path::new("/")) => panic!("{result:?}"),
        group = started("hangs", 3) => group,
    };
    until("the group outlived the dropped future", || members(group) == 0).await;

    // The queue is free again, and a second call waits for the first one's helper to be gone.
    let short = || OpContext::within(Duration::from_millis(200));
    let (first, second) = (short(), OpContext::within(Duration::from_millis(400)));
    let (a, b) = tokio::join!(queue.statfs(&first, Path::new("/")), async {
        tokio::select! {
            result = queue.statfs(&second, Path::new("/")) => result,
            () = until("two helpers at once", || groups("hangs").len() > 1) => panic!("two helpers at once"),
        }
    });
    assert!(a.as_ref().is_err_and(Error::is_timeout), "{a:?}");
    assert!(b.as_ref().is_err_and(Error::is_timeout), "{b:?}");
}

#[test]
fn a_runtime_that_ends_leaves_no_helper() {
    let queue = queue("hangs_too");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let group = runtime.block_on(async {
        let task = tokio::spawn(async move {
            let cx = OpContext::within(SOON * 3);
            queue.statfs(&cx, Path::new("/")).await.map(|_| ())
        });
        let group = started("hangs_too", 3).await;
        assert!(!task.is_finished());
        group
    });
    drop(runtime);
    let end = Instant::now() + SOON;
    while members(group) > 0 {
        assert!(Instant::now() < end, "the helper outlived the runtime");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[rstest]
#[case::garbage("garbage", "malformed")]
#[case::a_message_that_is_too_long("endless", "too long")]
#[case::an_early_end("leaves", "exit status: 3")]
#[case::a_signal("dies", "signal: 11")]
#[tokio::test]
async fn what_is_no_answer_is_an_error(#[case] name: &str, #[case] says: &str) {
    let queue = queue(name);
    let cx = OpContext::within(SOON);
    match queue.statfs(&cx, Path::new("/")).await {
        Err(error) if *error.kind() == ErrorKind::Helper => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            assert!(cause.is_some_and(|cause| cause.contains(says)), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(groups(name), Vec::<i32>::new());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let queue = queue("missing");
    let cx = OpContext::within(SOON);
    let result = queue.statfs(&cx, Path::new("/")).await;
    let refused = result.as_ref().map_err(Error::kind);
    assert_eq!(refused, Err(&ErrorKind::Helper), "{result:?}");
}
