//! Downloads to this machine: a file appears when all of it is there.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use futures_util::TryStreamExt as _;
use indicatif::ProgressBar;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::api::Api;
use super::source::{Source, fingerprint};
use crate::exit::Failure;

/// The longest name that file systems take.
const MAX_NAME_BYTES: usize = 255;

/// Writes a file to a local path; returns its size in bytes. An interrupted download stays beside it and can be resumed.
pub(super) async fn download(
    api: &Api,
    source: &Source,
    to: &Path,
    resumes: bool,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let part = part(&source.version().unwrap_or_default(), to)?;
    let shown = part.display();
    let can_append = resumes && source.version().is_some();
    let mut options = OpenOptions::new();
    options
        .create(true)
        .write(true)
        .append(can_append)
        .truncate(!can_append);
    let mut file = options
        .open(&part)
        .await
        .with_context(|| format!("writing {shown} failed"))?;
    let begun = file.metadata().await.map(|metadata| metadata.len());
    let mut size = begun.with_context(|| format!("reading {shown} failed"))?;
    bar.set_position(size);
    if source.size().is_none_or(|all| size < all) || size == 0 {
        let mut stream = source.read(api, size).await?;
        while let Some(piece) = stream
            .try_next()
            .await
            .context("the download broke off; go on with --resume")?
        {
            file.write_all(&piece)
                .await
                .with_context(|| format!("writing {shown} failed"))?;
            size += piece.len() as u64;
            bar.set_position(size);
        }
    }
    finish(file)
        .await
        .with_context(|| format!("writing {shown} failed"))?;
    if source.size().is_some_and(|all| all != size) {
        return Err(
            anyhow!("the file has another size than {size} bytes; try again without --resume").into(),
        );
    }
    let renamed = tokio::fs::rename(&part, to).await;
    renamed.with_context(|| format!("{} can't be written", to.display()))?;
    Ok(size)
}

async fn finish(mut file: File) -> std::io::Result<()> {
    file.flush().await?;
    file.sync_all().await
}

/// Names the incomplete file, which belongs to one version of the source.
fn part(version: &str, to: &Path) -> Result<PathBuf, Failure> {
    let name = to
        .file_name()
        .with_context(|| format!("{} is not the name of a file", to.display()))?;
    let name = name.to_string_lossy();
    // Two long names may begin alike.
    let version = fingerprint(&format!("{version}\n{name}"));
    let room = MAX_NAME_BYTES - format!("..{version}.part").len();
    let shown = &name[..name.floor_char_boundary(room)];
    Ok(to.with_file_name(format!(".{shown}.{version}.part")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_incomplete_file_has_a_name_that_fits() {
        let name = |name: &str, version: &str| {
            let part = part(version, &Path::new("/to").join(name)).unwrap();
            part.to_str().unwrap().to_owned()
        };
        let long = format!("a{}", "ü".repeat(127));
        assert_eq!(long.len(), MAX_NAME_BYTES);
        let part = name(&long, "1");
        assert!(part.starts_with("/to/.aü"), "{part}");
        assert_eq!(Path::new(&part).extension(), Some("part".as_ref()));
        assert!(part.len() <= "/to/".len() + MAX_NAME_BYTES, "{part}");
        assert_ne!(part, name(&long, "2"));
        assert_ne!(part, name(&long.replace("üü", "üa"), "1"));
        assert!(name("a.iso", "1").starts_with("/to/.a.iso."));
    }
}
