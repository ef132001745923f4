//! `cp`: copies a file between this machine and backends.

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use storage_domain::FilePath;

use super::api::Api;
use super::download::download;
use super::place::{End, Place};
use super::source::Source;
use super::upload::upload;
use crate::exit::Failure;

/// Copies a file; returns what is there then.
pub(super) async fn copy(api: &Api, from: &End, to: &End, resumes: bool) -> Result<Value, Failure> {
    if let (End::Local(_), End::Local(_)) = (from, to) {
        let rule = "one of both has to be in a backend, such as images:/debian.iso".to_owned();
        return Err(Failure::Usage(rule));
    }
    let source = Source::find(api, from).await?;
    let bar = bar(source.size());
    bar.set_message(source.name().to_owned());
    let copied = match to {
        End::Local(path) => {
            let to = if path.is_dir() {
                path.join(source.name())
            } else {
                path.clone()
            };
            let size = download(api, &source, &to, resumes, &bar).await;
            size.map(|size| json!({ "path": to.display().to_string(), "size": size }))
        }
        End::Remote(place, is_directory) => {
            let backend = api.backend(&place.name).await?;
            let path = target(api, &backend, place, *is_directory, &source).await?;
            upload(api, &source, &backend, &path, resumes, &bar).await
        }
    };
    bar.finish_and_clear();
    copied
}

/// Returns the path of the copy: in a directory it has the name of its source.
async fn target(
    api: &Api,
    backend: &str,
    place: &Place,
    is_directory: bool,
    source: &Source,
) -> Result<FilePath, Failure> {
    if is_directory || api.is_directory(backend, &place.path).await? {
        let path = place.path.join(source.name());
        return path.map_err(|rule| anyhow!("the name {} {rule}", source.name()).into());
    }
    Ok(place.path.clone())
}

/// A bar with rate and time left, drawn on a terminal only.
pub(super) fn bar(size: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
    let template = match size {
        Some(_) => "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        None => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
