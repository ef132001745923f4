//! What is compared: rclone, and the backend in a process of its own. Secrets go by the surroundings.

use std::io;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storage_backends::s3::S3Backend;
use storage_backends::{OpContext, Settings, Tree as _};
use storage_domain::{BackendConfig, BackendKind};

use crate::server::{KEY, SECRET, SECRET_VARIABLE};

/// Makes this program scan the bucket that the endpoint and the name after it tell.
pub(crate) const ARG: &str = "--scan";

/// Objects and bytes.
pub(crate) type Counted = (u64, u64);

/// Counts with rclone.
pub(crate) fn count(endpoint: &str, bucket: &str) -> io::Result<Counted> {
    let mut rclone = rclone(endpoint);
    rclone.args(["size", "--json"]).arg(format!("bench:{bucket}"));
    counted(rclone)
}

/// Returns rclone, which knows the server as `bench`.
pub(crate) fn rclone(endpoint: &str) -> Command {
    let mut rclone = command("rclone");
    // What the surroundings set for other programs that speak S3 is not for this one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") || name.to_string_lossy().starts_with("RCLONE_") {
            rclone.env_remove(name);
        }
    }
    rclone
        .env("RCLONE_CONFIG", "/dev/null")
        .env("RCLONE_CONFIG_BENCH_TYPE", "s3")
        .env("RCLONE_CONFIG_BENCH_PROVIDER", "Other")
        .env("RCLONE_CONFIG_BENCH_ENDPOINT", endpoint)
        .env("RCLONE_CONFIG_BENCH_REGION", "us-east-1")
        .env("RCLONE_CONFIG_BENCH_LIST_VERSION", "2")
        .env("RCLONE_CONFIG_BENCH_NO_CHECK_BUCKET", "true")
        .env("RCLONE_CONFIG_BENCH_ACCESS_KEY_ID", KEY)
        .env("RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY", SECRET);
    rclone
}

/// Counts with a scan in a process of its own.
pub(crate) fn scan(endpoint: &str, bucket: &str) -> io::Result<Counted> {
    let mut scan = command(std::env::current_exe()?);
    scan.args([ARG, endpoint, bucket]).env(SECRET_VARIABLE, SECRET);
    counted(scan)
}

/// Scans in this process, and prints what it found as rclone does.
pub(crate) fn scan_here(endpoint: &str, bucket: &str) -> io::Result<()> {
    let backend = backend(endpoint, bucket)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let cx = OpContext::within(Duration::from_mins(5));
    let report = runtime
        .block_on(backend.scan(&cx, Arc::default()))
        .map_err(io::Error::other)?;
    if let Some(error) = report.first_error.or(report.truncated) {
        return Err(io::Error::other(error));
    }
    let bytes = report.bytes.map(storage_domain::ByteCount::get);
    println!("{}", json!({ "count": report.files, "bytes": bytes }));
    Ok(())
}

/// Returns the backend of a bucket; the secret is in the surroundings.
pub(crate) fn backend(endpoint: &str, bucket: &str) -> io::Result<S3Backend> {
    let secret = std::env::var(SECRET_VARIABLE).map_err(io::Error::other)?;
    let config = json!({
        "endpoint": endpoint, "bucket": bucket, "access_key_id": KEY, "secret_access_key": secret,
    });
    let config = config
        .as_object()
        .map(|members| BackendConfig::parse(BackendKind::S3, members));
    let Some(Ok(BackendConfig::S3(config))) = config else {
        return Err(io::Error::other("the config can't be used"));
    };
    S3Backend::new(&config, &Settings::new(None), S3Backend::limits()).map_err(io::Error::other)
}

/// Runs a program, which has to succeed.
pub(crate) fn run(mut command: Command) -> io::Result<Vec<u8>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "{}: {said}",
        command.get_program().display()
    )))
}

fn counted(command: Command) -> io::Result<Counted> {
    let printed: Option<Value> = serde_json::from_slice(&run(command)?).ok();
    let counted = printed.and_then(|found| Some((found["count"].as_u64()?, found["bytes"].as_u64()?)));
    counted.ok_or_else(|| io::Error::other("no count was printed"))
}

pub(crate) fn command(program: impl Into<std::path::PathBuf>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "what is measured is started here")]
    Command::new(program.into())
}
