//! The real helper: this very program, started again. It has no test harness, because its `main` has to ask first
//! whether it is the helper.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is a test without the harness"
)]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use storage_backends::helper::{self, HelperCommand, HelperQueue, Queues, ScanCall};
use storage_backends::{Error, ErrorKind, OpContext, ScanProgress};
use storage_domain::{BackendId, IgnoredDirectories, TemplatePatterns};
use until::{SOON, until};

#[path = "support/alone.rs"]
#[expect(dead_code, reason = "these tests start themselves again in another way")]
mod alone;
#[path = "support/until.rs"]
mod until;

/// Runs the tests, one after the other, and prints the name of each one that passes.
macro_rules! run_each {
    ($($test:ident),* $(,)?) => {
        $(
            $test().await;
            println!("test {}::{} ... ok", module_path!(), stringify!($test));
        )*
    };
}

mod changes;
mod files;
mod unmount;

/// The argument with which this program is a service that is about to be killed.
const SERVICE: &str = "--service-that-scans-for-ever";
/// The argument with which this program is a service that may start a helper and no thread.
const THREADLESS: &str = "--service-without-threads";
/// A user that has no processes: root may start any number of them.
const USER: u32 = 54_321;

fn main() {
    helper::run_if_requested();
    if std::env::args().nth(1).as_deref() == Some(THREADLESS) {
        return make_a_call_without_threads();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::args().nth(1).as_deref() == Some(SERVICE) {
        runtime.block_on(scan_for_ever());
    }
    if unmount::is_inside() {
        return runtime.block_on(unmount::run());
    }
    runtime.block_on(run());
    runtime.block_on(files::run());
    runtime.block_on(changes::run());
    let passed = if unmount::run_inside() { 29 } else { 20 };
    println!(
        "test result: ok. {passed} passed; 0 failed; {} ignored",
        29 - passed
    );
}

async fn run() {
    run_each!(
        statfs_is_what_the_system_says,
        errors_name_the_call,
        scans_count_and_can_be_ended,
        a_count_over_its_memory_limit_ends_with_an_error,
        a_killed_service_leaves_no_helper,
        a_service_that_may_start_no_thread_leaves_no_dead_helper,
    );
}

fn scan_of(root: impl AsRef<Path>, bytes: bool) -> ScanCall {
    ScanCall {
        root: root.as_ref().to_owned(),
        templates: TemplatePatterns::default().extensions().to_vec(),
        ignored: IgnoredDirectories::default().names().to_vec(),
        bytes,
        max_memory: ScanCall::MAX_MEMORY,
    }
}

fn queue() -> Arc<HelperQueue> {
    Queues::default().of(BackendId::generate())
}

async fn statfs_is_what_the_system_says() {
    let cx = OpContext::within(SOON);
    let capacity = queue().statfs(&cx, Path::new("/proc")).await.unwrap();
    assert_eq!(capacity.total.get(), 0, "/proc has no size");
    let capacity = queue().statfs(&cx, Path::new("/")).await.unwrap();
    assert!(
        capacity.total.get() > 0 && capacity.used <= capacity.total,
        "{capacity:?}"
    );
    assert!(capacity.available <= capacity.total, "{capacity:?}");
}

async fn errors_name_the_call() {
    let cx = OpContext::within(SOON);
    match queue().statfs(&cx, Path::new("/nowhere")).await {
        Err(error) if *error.kind() == ErrorKind::Kernel && error.step() == "statfs" => {
            let cause = error.io_source().map(std::io::Error::kind);
            assert_eq!(cause, Some(std::io::ErrorKind::NotFound));
        }
        other => panic!("{other:?}"),
    }
    let progress = ScanProgress::default();
    let scan = queue().scan(&cx, scan_of("/nowhere", false), &progress).await;
    let refused = scan.as_ref().map_err(Error::kind);
    assert_eq!(refused, Err(&ErrorKind::Kernel), "{scan:?}");
}

async fn scans_count_and_can_be_ended() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.iso", "b.txt", "c.img.xz"] {
        std::fs::write(dir.path().join(name), "12345").unwrap();
    }
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    let progress = ScanProgress::default();
    let cx = OpContext::within(SOON);
    let report = queue()
        .scan(&cx, scan_of(dir.path(), true), &progress)
        .await
        .unwrap();
    assert_eq!((report.files, report.directories, report.templates), (3, 2, 2));
    assert_eq!(report.bytes.map(storage_domain::ByteCount::get), Some(15));
    assert_eq!((progress.files(), progress.directories()), (3, 2));

    let queue = queue();
    let short = OpContext::within(Duration::from_millis(1));
    let ended = queue.scan(&short, scan_of("/", false), &progress).await;
    assert!(ended.as_ref().is_err_and(Error::is_timeout), "{ended:?}");
    assert!(
        queue
            .statfs(&OpContext::within(SOON), Path::new("/"))
            .await
            .is_ok()
    );
}

/// The helper ends at once, whatever it was doing, and the service goes on.
async fn a_count_over_its_memory_limit_ends_with_an_error() {
    let (queue, cx) = (queue(), OpContext::within(SOON));
    for max_memory in [4096, 1024 * 1024, 3 * 1024 * 1024] {
        let call = ScanCall {
            max_memory,
            ..scan_of("/usr", false)
        };
        let counted = queue.scan(&cx, call, &ScanProgress::default()).await;
        assert_eq!(
            counted.as_ref().map_err(Error::kind),
            Err(&ErrorKind::Helper),
            "{counted:?}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let progress = ScanProgress::default();
    let counted = queue.scan(&cx, scan_of(dir.path(), false), &progress).await;
    assert_eq!(counted.unwrap().directories, 1);
}

async fn scan_for_ever() {
    let queue = queue();
    loop {
        let cx = OpContext::within(Duration::from_hours(1));
        let progress = ScanProgress::default();
        let _ = queue.scan(&cx, scan_of("/", false), &progress).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test plays a service that is killed"
)]
async fn a_killed_service_leaves_no_helper() {
    let mut service = std::process::Command::new(std::env::current_exe().unwrap())
        .arg(SERVICE)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    until("no helper was started", || child_of(service.id()).is_some()).await;
    let helper = child_of(service.id()).unwrap();
    service.kill().unwrap();
    service.wait().unwrap();
    until("the helper outlived its service", || !is_helper(helper)).await;
}

#[expect(clippy::disallowed_methods, reason = "the test starts itself as another user")]
async fn a_service_that_may_start_no_thread_leaves_no_dead_helper() {
    if !alone::is_root() {
        return;
    }
    let done = tokio::process::Command::new("/proc/self/exe")
        .arg(THREADLESS)
        .uid(USER)
        .current_dir("/")
        .status()
        .await
        .unwrap();
    assert!(done.success(), "{done}");
}

/// Calls a helper that exits at once, with as many processes and threads as this one and the helper.
fn make_a_call_without_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    setrlimit(Resource::RLIMIT_NPROC, 2, 2).unwrap();
    let queue = Queues::new(HelperCommand::program("/bin/false")).of(BackendId::generate());
    let called = runtime.block_on(queue.statfs(&OpContext::within(SOON), Path::new("/")));
    assert_eq!(
        called.as_ref().map_err(Error::kind),
        Err(&ErrorKind::Helper),
        "{called:?}"
    );
    let left = nix::sys::wait::wait();
    assert_eq!(left, Err(nix::errno::Errno::ECHILD), "a helper was not reaped");
}

fn is_helper(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"storage-helper\0"))
}

fn child_of(parent: u32) -> Option<u32> {
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let its_parent: u32 = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        (its_parent == parent && is_helper(pid)).then_some(pid)
    })
}
