//! How a service embeds the backends: `cargo run --example embed -- SERVER /EXPORT [MOUNT_DIR]`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use storage_backends::{OpContext, Registry, Settings, helper};
use storage_domain::{BackendConfig, BackendId, BackendKind, Revision};

/// How long one test may take, at most.
const TEST_DEADLINE: Duration = Duration::from_secs(75);

fn main() -> ExitCode {
    // First of all: the same program is started again as the helper that makes every call on a mount.
    helper::run_if_requested();

    let mut args = std::env::args().skip(1);
    let (Some(server), Some(export)) = (args.next(), args.next()) else {
        eprintln!("usage: embed SERVER /EXPORT [MOUNT_DIR]");
        return ExitCode::from(64);
    };
    match embed(&server, &export, args.next().map(PathBuf::from)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(65)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn embed(
    server: &str,
    export: &str,
    mount_dir: Option<PathBuf>,
) -> Result<bool, Box<dyn std::error::Error>> {
    // Without a mount directory everything is tested but the mount itself.
    let settings = Settings::new(mount_dir);
    settings.check(TEST_DEADLINE)?;
    let registry = Registry::new(settings)?;
    // A service passes the backends that it knows; mounts of others are taken away.
    registry.reconcile(&[]).await?;

    let members = serde_json::json!({"server": server, "export_path": export});
    let members = members.as_object().cloned().unwrap_or_default();
    let config = BackendConfig::parse(BackendKind::Nfs, &members)?;
    let backend = registry.get(BackendId::generate(), Revision::FIRST, &config)?;

    let report = backend.probe(&OpContext::within(TEST_DEADLINE)).await?;
    for check in &report.checks {
        println!("{:<10} {:?}: {}", check.name, check.outcome, check.detail);
    }
    println!("{}", report.message());

    registry
        .unmount_all(&OpContext::within(Duration::from_secs(10)))
        .await?;
    Ok(report.passed())
}
