//! The real worker: this very program, started again. It has no test harness, because its `main` has to ask first
//! whether it is the worker.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is a test without the harness"
)]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use storage_backends::lane::{Lane, Lanes};
use storage_backends::{Error, ErrorKind, OpContext, ScanProgress};
use storage_domain::{BackendId, TemplatePatterns};
use until::{SOON, until};

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

mod unmount;

/// The argument with which this program is a service that is about to be killed.
const SERVICE: &str = "--service-that-scans-for-ever";

fn main() {
    storage_backends::worker::run_if_requested();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::args().nth(1).as_deref() == Some(SERVICE) {
        runtime.block_on(scan_for_ever());
    }
    if unmount::is_inside() {
        return runtime.block_on(unmount::run());
    }
    runtime.block_on(run());
    unmount::run_inside();
    println!("test result: ok. 9 passed; 0 failed");
}

async fn run() {
    run_each!(
        statfs_is_what_the_system_says,
        errors_name_the_call,
        scans_count_and_can_be_ended,
        a_killed_service_leaves_no_worker,
    );
}

fn lane() -> Arc<Lane> {
    Lanes::default().of(BackendId::generate())
}

async fn statfs_is_what_the_system_says() {
    let cx = OpContext::within(SOON);
    let capacity = lane().statfs(&cx, Path::new("/proc")).await.unwrap();
    assert_eq!(capacity.total.get(), 0, "/proc has no size");
    let capacity = lane().statfs(&cx, Path::new("/")).await.unwrap();
    assert!(
        capacity.total.get() > 0 && capacity.used <= capacity.total,
        "{capacity:?}"
    );
    assert!(capacity.available <= capacity.total, "{capacity:?}");
}

async fn errors_name_the_call() {
    let cx = OpContext::within(SOON);
    match lane().statfs(&cx, Path::new("/nowhere")).await {
        Err(error) if *error.kind() == ErrorKind::Kernel && error.step() == "statfs" => {
            let cause = error.io_source().map(std::io::Error::kind);
            assert_eq!(cause, Some(std::io::ErrorKind::NotFound));
        }
        other => panic!("{other:?}"),
    }
    let progress = ScanProgress::default();
    let scan = lane()
        .scan(
            &cx,
            Path::new("/nowhere"),
            &TemplatePatterns::default(),
            false,
            &progress,
        )
        .await;
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
    let report = lane()
        .scan(&cx, dir.path(), &TemplatePatterns::default(), true, &progress)
        .await
        .unwrap();
    assert_eq!((report.files, report.directories, report.templates), (3, 2, 2));
    assert_eq!(report.bytes.map(storage_domain::ByteCount::get), Some(15));
    assert_eq!((progress.files(), progress.directories()), (3, 2));

    let lane = lane();
    let short = OpContext::within(Duration::from_millis(1));
    let ended = lane
        .scan(
            &short,
            Path::new("/"),
            &TemplatePatterns::default(),
            false,
            &progress,
        )
        .await;
    assert!(ended.as_ref().is_err_and(Error::is_timeout), "{ended:?}");
    assert!(
        lane.statfs(&OpContext::within(SOON), Path::new("/"))
            .await
            .is_ok()
    );
}

async fn scan_for_ever() {
    let lane = lane();
    loop {
        let cx = OpContext::within(Duration::from_hours(1));
        let progress = ScanProgress::default();
        let _ = lane
            .scan(
                &cx,
                Path::new("/"),
                &TemplatePatterns::default(),
                false,
                &progress,
            )
            .await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test plays a service that is killed"
)]
async fn a_killed_service_leaves_no_worker() {
    let mut service = std::process::Command::new(std::env::current_exe().unwrap())
        .arg(SERVICE)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    until("no worker was started", || child_of(service.id()).is_some()).await;
    let worker = child_of(service.id()).unwrap();
    service.kill().unwrap();
    service.wait().unwrap();
    until("the worker outlived its service", || !is_worker(worker)).await;
}

fn is_worker(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"storage-worker\0"))
}

fn child_of(parent: u32) -> Option<u32> {
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let its_parent: u32 = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        (its_parent == parent && is_worker(pid)).then_some(pid)
    })
}
