//! `rm`, `mv` and `mkdir`.

use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};
use storage_domain::FilePath;

use super::api::Api;
use super::place::Place;
use crate::exit::Failure;
use crate::output;

/// How often a job is asked for.
const PERIOD: Duration = Duration::from_millis(500);

/// Deletes; returns what the service did.
pub(super) async fn remove(api: &Api, place: &Place, recursive: bool) -> Result<Value, Failure> {
    let backend = api.backend(&place.name).await?;
    // The service skips what is not there; a name that was mistyped is worth an error.
    api.stat(&backend, &place.path).await?;
    let body = json!({ "paths": [place.path.as_str()], "recursive": recursive });
    change(api, &format!("{backend}/files/delete"), &body).await
}

/// Moves within a backend: into a directory that is there, or to a path.
pub(super) async fn rename(api: &Api, from: &Place, to: &Place) -> Result<Value, Failure> {
    if from.name != to.name {
        let rule = "both have to be in one backend; copy the file with cp, then delete it with rm".to_owned();
        return Err(Failure::Usage(rule));
    }
    let backend = api.backend(&from.name).await?;
    let body = if api.is_directory(&backend, &to.path).await? {
        json!({ "source_paths": [from.path.as_str()], "destination_path": to.path.as_str() })
    } else {
        json!({ "source_path": from.path.as_str(), "destination_path": to.path.as_str() })
    };
    change(api, &format!("{backend}/files/move"), &body).await
}

/// Makes a directory, and those above it that are missing. With `may_exist`, one that is there is fine.
pub(super) async fn make_directory(api: &Api, place: &Place, may_exist: bool) -> Result<Value, Failure> {
    let backend = api.backend(&place.name).await?;
    if may_exist && api.is_directory(&backend, &place.path).await? {
        return api.stat(&backend, &place.path).await;
    }
    let body = json!({ "path": place.path.as_str() });
    Ok(api.post(&format!("{backend}/folders"), &body).await?["data"].take())
}

/// Has the service do something, and waits for the job that it may become.
async fn change(api: &Api, path: &str, body: &Value) -> Result<Value, Failure> {
    let mut data = api.post(path, body).await?["data"].take();
    let Some(id) = data["id"].as_str().map(str::to_owned) else {
        return Ok(data);
    };
    let spinner = output::spinner();
    while data["state"] == "running" {
        let progress = &data["progress"];
        let unit = progress["unit"].as_str().unwrap_or_default();
        spinner.set_message(format!("{} {unit}", progress["done"]));
        tokio::time::sleep(PERIOD).await;
        data = api.get(&format!("/api/v1/storage/jobs/{id}")).await?["data"].take();
    }
    spinner.finish_and_clear();
    if data["state"] == "done" {
        return Ok(data);
    }
    let state = data["state"].as_str().unwrap_or("unknown");
    Err(match data["error"].as_str() {
        Some(error) => anyhow!("{error} (job {id}: {state})"),
        None => anyhow!("the job {id} is {state}"),
    }
    .into())
}

impl Api {
    /// Returns whether a directory is at a path.
    pub(super) async fn is_directory(&self, backend: &str, path: &FilePath) -> Result<bool, Failure> {
        let found = self.find(backend, path).await?;
        Ok(found.is_some_and(|found| found["type"] == "directory"))
    }
}
