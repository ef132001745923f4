//! Uploads and downloads of a large object: rclone, and the backend in a process of its own.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use storage_backends::{Condition, OpContext, ReadRequest, Tree as _, TreeMut as _};
use storage_domain::FilePath;

use crate::clients::{backend, command, rclone, run};
use crate::server::{SECRET, SECRET_VARIABLE};

/// Makes this program upload or download: the endpoint and the file's path follow.
pub(crate) const UPLOAD: &str = "--upload";
pub(crate) const DOWNLOAD: &str = "--download";

/// Bytes of the object.
pub(crate) const BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes that are written at once, as a web server reads them.
const PIECE: usize = 256 * 1024;
pub(crate) const BUCKET: &str = "transfers";
const LIMIT: Duration = Duration::from_mins(10);

/// Writes the file that is transferred; its bytes show their place.
pub(crate) fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    for at in (0..BYTES).step_by(PIECE) {
        let mut piece = vec![0; PIECE];
        for (place, byte) in (at..).step_by(8).zip(piece.chunks_mut(8)) {
            byte.copy_from_slice(&place.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        }
        file.write_all(&piece)?;
    }
    Ok(())
}

/// How long rclone takes, and how long this program takes, for one direction.
pub(crate) fn compare(
    endpoint: &str,
    direction: &str,
    source: &Path,
    target: &Path,
) -> io::Result<(Duration, Duration)> {
    let remote = |name: &str| format!("bench:{BUCKET}/{name}");
    let mut theirs = rclone(endpoint);
    theirs.arg("copyto");
    match direction {
        UPLOAD => theirs.arg(source).arg(remote("theirs")),
        _ => theirs.arg(remote("theirs")).arg(target),
    };
    let theirs = timed(theirs, direction, source, target)?;
    let mut ours = command(std::env::current_exe()?);
    ours.args([direction, endpoint]).env(SECRET_VARIABLE, SECRET);
    ours.arg(if direction == UPLOAD { source } else { target });
    Ok((theirs, timed(ours, direction, source, target)?))
}

fn timed(command: Command, direction: &str, source: &Path, target: &Path) -> io::Result<Duration> {
    let begun = Instant::now();
    run(command)?;
    let took = begun.elapsed();
    if direction == DOWNLOAD {
        if !is_same(source, target)? {
            return Err(io::Error::other("what came is not what was written"));
        }
        std::fs::remove_file(target)?;
    }
    Ok(took)
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if other.metadata()?.len() != BYTES {
        return Ok(false);
    }
    let (mut here, mut there) = (vec![0; PIECE], vec![0; PIECE]);
    for _ in (0..BYTES).step_by(PIECE) {
        one.read_exact(&mut here)?;
        other.read_exact(&mut there)?;
        if here != there {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Uploads or downloads in this process.
pub(crate) fn transfer_here(direction: &str, endpoint: &str, path: &str) -> io::Result<()> {
    let backend = backend(endpoint, BUCKET)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let object: FilePath = "/ours".parse().map_err(io::Error::other)?;
    runtime.block_on(async {
        let cx = OpContext::within(LIMIT);
        if direction == UPLOAD {
            let mut file = File::open(path)?;
            let mut upload = backend.upload(&object);
            loop {
                let mut piece = vec![0; PIECE];
                let read = file.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                piece.truncate(read);
                upload
                    .write(&cx, Bytes::from(piece))
                    .await
                    .map_err(io::Error::other)?;
            }
            let published = upload.publish(&cx, &Condition::None).await;
            return published.map(|_| ()).map_err(io::Error::other);
        }
        let request = ReadRequest {
            offset: 0,
            length: None,
            etag: None,
            size: None,
        };
        let mut file = File::create(path)?;
        let mut stream = backend
            .read(&cx, &object, &request)
            .await
            .map_err(io::Error::other)?;
        while let Some(piece) = stream.try_next().await.map_err(io::Error::other)? {
            file.write_all(&piece)?;
        }
        Ok(())
    })
}
