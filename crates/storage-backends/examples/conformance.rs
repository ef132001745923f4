//! Runs the suite for backends against a real NFS server: `conformance SERVER /EXPORT DEAD_SERVER MOUNT_DIR OPTIONS`.

use std::path::PathBuf;
use std::time::Duration;

use storage_backends::testkit::conformance::{Subject, run};
use storage_backends::{Registry, Settings, helper};
use storage_domain::{BackendConfig, BackendId, BackendKind, Revision};

/// How long one probe may take.
const LIMIT: Duration = Duration::from_secs(75);

#[tokio::main]
async fn suite(
    server: &str,
    export: &str,
    dead: &str,
    mount_dir: &str,
    options: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new(Settings::new(Some(PathBuf::from(mount_dir))))?;
    let backend = |server: &str| {
        let members = serde_json::json!({"server": server, "export_path": export, "mount_options": options});
        let members = members.as_object().cloned().unwrap_or_default();
        let config = BackendConfig::parse(BackendKind::Nfs, &members)?;
        let backend = registry.get(BackendId::generate(), Revision::FIRST, &config)?;
        Ok::<_, Box<dyn std::error::Error>>(backend)
    };
    let subject = Subject {
        healthy: backend(server)?,
        unreachable: backend(dead)?,
        secrets: Vec::new(),
        limit: LIMIT,
    };
    run(&subject).await;
    registry.reconcile(&[]).await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    helper::run_if_requested();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [server, export, dead, mount_dir, options] => suite(server, export, dead, mount_dir, options),
        _ => Err("usage: conformance SERVER /EXPORT DEAD_SERVER MOUNT_DIR OPTIONS".into()),
    }
}
