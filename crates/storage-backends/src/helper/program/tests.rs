use std::time::{Duration, Instant};

use super::*;

const SH: &str = "/bin/sh";

async fn sh(cx: &OpContext, script: &str) -> Result<Finished, ProgramError> {
    run_path(cx, "sh", Path::new(SH), &[OsStr::new("-c"), OsStr::new(script)]).await
}

fn minute() -> OpContext {
    OpContext::within(Duration::from_mins(1))
}

/// The processes of a group that are there and no zombies.
fn members(group: &str) -> Vec<String> {
    let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let fields: Vec<_> = stat.rsplit(')').next()?.split_whitespace().collect();
        (fields.first() != Some(&"Z") && fields.get(2) == Some(&group)).then(|| stat.clone())
    });
    stats.collect()
}

/// Waits until a group is empty.
async fn gone(group: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !members(group).is_empty() {
        assert!(Instant::now() < deadline, "left over: {:?}", members(group));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a script that never ends, with a child of its own, and calls `then` once both run; answers with the group's
/// number and how the run ended.
async fn hang(cx: OpContext, then: impl FnOnce()) -> (String, Result<Finished, ProgramError>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script = format!(
        "sleep 1000 & echo $$ > {}.new; mv {0}.new {0}; wait",
        file.display()
    );
    let run = sh(&cx, &script);
    let started = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let group = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        assert!(!members(&group).is_empty());
        then();
        group
    };
    let (group, result) = tokio::join!(started, run);
    (group, result)
}

#[tokio::test]
async fn gives_both_streams_and_the_status() {
    let done = sh(&minute(), "echo out; printf 'err\\377' >&2; exit 3")
        .await
        .unwrap();
    assert_eq!(
        done,
        Finished {
            status: 3,
            stdout: b"out\n".to_vec(),
            stderr: "err\u{fffd}".to_owned()
        }
    );
}

#[tokio::test]
async fn passes_nothing_of_this_process_on() {
    let done = sh(
        &minute(),
        "/usr/bin/env; pwd; test -e /proc/self/fd/0 && readlink /proc/self/fd/0",
    )
    .await
    .unwrap();
    let printed = String::from_utf8(done.stdout).unwrap();
    let mut lines: Vec<_> = printed.lines().filter(|l| !l.starts_with("_=")).collect();
    lines.sort_unstable();
    // `PWD` is set by the shell itself.
    assert_eq!(lines, ["/", "/dev/null", "LC_ALL=C", "PWD=/"]);
}

#[tokio::test]
async fn kills_the_whole_group_at_the_deadline() {
    let begun = Instant::now();
    let (group, result) = hang(OpContext::within(Duration::from_secs(2)), || ()).await;
    assert!(
        matches!(result, Err(ProgramError::Deadline { program: "sh" })),
        "{result:?}"
    );
    assert!(begun.elapsed() < Duration::from_mins(1));
    gone(&group).await;
}

#[tokio::test]
async fn kills_the_whole_group_where_it_is_cancelled() {
    let cancel = tokio_util::sync::CancellationToken::new();
    let cx = minute().with_cancel(cancel.clone());
    let (group, result) = hang(cx, || cancel.cancel()).await;
    assert!(
        matches!(result, Err(ProgramError::Cancelled { .. })),
        "{result:?}"
    );
    gone(&group).await;
}

#[tokio::test]
async fn kills_the_whole_group_where_the_future_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script = format!(
        "sleep 1000 & echo $$ > {}.new; mv {0}.new {0}; wait",
        file.display()
    );
    let started = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let cx = minute();
    tokio::select! {
        () = started => {}
        done = sh(&cx, &script) => panic!("ended by itself: {done:?}"),
    }
    gone(std::fs::read_to_string(&file).unwrap().trim()).await;
}

#[rstest::rstest]
#[case::stdout("echo $$ >&2; exec yes", MAX_STDOUT_BYTES)]
#[case::stderr("exec yes >&2", MAX_STDERR_BYTES)]
#[tokio::test]
async fn stops_a_program_that_prints_without_end(#[case] script: &str, #[case] cap: usize) {
    let begun = Instant::now();
    let result = sh(&minute(), script).await;
    assert!(
        matches!(result, Err(ProgramError::TooMuchOutput { limit, .. }) if limit == cap),
        "{result:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn takes_output_up_to_the_cap() {
    let script = format!("head -c {MAX_STDOUT_BYTES} /dev/zero");
    let script = format!("PATH=/usr/bin:/bin; {script}");
    assert_eq!(
        sh(&minute(), &script).await.unwrap().stdout.len(),
        MAX_STDOUT_BYTES
    );
}

#[tokio::test]
async fn death_by_a_signal_is_an_error() {
    let result = sh(&minute(), "kill -SEGV $$").await;
    assert!(
        matches!(result, Err(ProgramError::Signal { signal: 11, .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let result = run_path(&minute(), "none", Path::new("/nonexistent/none"), &[]).await;
    assert!(matches!(result, Err(ProgramError::Start { .. })), "{result:?}");
}
