//! An upload as the service makes it, in blocks that are hashed and handed to a helper.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use storage_backends::OpContext;
use storage_domain::FilePath;
use uuid::Uuid;

use crate::{LIMIT, command, helpers, of_children, this};

/// Makes this program upload: the source and the directory follow.
pub(crate) const ARG: &str = "--upload";

const BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of a block, as the service hands them on.
const BLOCK: usize = 128 * 1024;
const SOURCE: &str = "source";

/// Writes the file that is uploaded.
pub(crate) fn prepare(dir: &Path) -> io::Result<()> {
    let mut file = File::create(dir.join(SOURCE))?;
    let block = vec![0x5a; BLOCK];
    (0..BYTES).step_by(BLOCK).try_for_each(|_| file.write_all(&block))
}

/// The processor seconds of `cp` and `sha256sum`, and of this.
pub(crate) fn compare(dir: &Path) -> io::Result<(f64, f64)> {
    let (source, place) = (dir.join(SOURCE), dir.join("uploads"));
    let mut spent = Vec::new();
    let mut copy = command("cp");
    copy.arg(&source).arg(place.join("copy"));
    let mut hash = command("sha256sum");
    hash.arg(place.join("copy"));
    let mut upload = this()?;
    upload.arg(ARG).arg(&source).arg(&place);
    for commands in [vec![copy, hash], vec![upload]] {
        fs::create_dir(&place)?;
        let before = of_children()?;
        commands.into_iter().try_for_each(run)?;
        spent.push(of_children()? - before);
        fs::remove_dir_all(&place)?;
    }
    Ok((spent[0], spent[1]))
}

fn run(mut command: Command) -> io::Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{}: {status}",
        command.get_program().display()
    )))
}

/// Uploads in this process.
pub(crate) fn upload_here(source: &str, dir: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (queue, place) = helpers(dir);
        let cx = OpContext::within(LIMIT);
        let path: FilePath = "/upload".parse().map_err(io::Error::other)?;
        let begun = queue
            .write_upload(&cx, &place, &path, (Uuid::new_v4(), false))
            .await;
        let (mut writer, _) = begun.map_err(io::Error::other)?;
        let (mut file, mut hash) = (File::open(source)?, Sha256::new());
        loop {
            let mut block = vec![0; BLOCK];
            let read = file.read(&mut block)?;
            if read == 0 {
                break;
            }
            block.truncate(read);
            hash.update(&block);
            writer
                .write(&cx, Bytes::from(block))
                .await
                .map_err(io::Error::other)?;
        }
        let stored = writer.close(&cx).await.map_err(io::Error::other)?;
        assert_eq!(stored, BYTES, "all of it is stored");
        println!("{:x?}", hash.finalize());
        // What the helper took counts once it is waited for.
        writer.end().await.map_err(io::Error::other)
    })
}
