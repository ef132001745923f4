//! Uploads that survive lost connections and restarts of the service, and can be resumed later.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use indicatif::ProgressBar;
use serde_json::Value;
use storage_backends::ByteStream;
use storage_backends::web::{ApiAnswer, ApiRequest};
use storage_domain::FilePath;

use super::api::{self, Api};
use super::source::{Source, fingerprint};
use crate::exit::Failure;

/// Bytes of a request, if the service wants no more.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;
/// Largest request that the service may want: two are in memory.
const MAX_CHUNK_BYTES: u64 = 1024 * 1024 * 1024;
/// Requests in a row that may fail, with pauses between them that double.
const MAX_FAILURES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// An upload at the service.
struct Upload<'a> {
    api: &'a Api,
    /// Path of the backend in the API, and of the file in the backend.
    target: (&'a str, &'a FilePath),
    /// Its path in the API.
    at: String,
    /// Bytes that the service has.
    offset: u64,
    chunk: u64,
    is_complete: bool,
}

/// What became of a chunk.
enum Sent {
    /// The file is there.
    Complete(Value),
    /// The service has all bytes before an offset, maybe not the one behind the chunk.
    To(u64),
    /// It can be tried again.
    Lost(Failure),
}

/// Writes a file to a backend; returns its description.
pub(super) async fn upload(
    api: &Api,
    source: &Source,
    backend: &str,
    path: &FilePath,
    resumes: bool,
    bar: &ProgressBar,
) -> Result<Value, Failure> {
    let note = Note::of(source, &format!("{} {backend} {path}", api.url()));
    let earlier = note.as_ref().filter(|_| resumes).and_then(Note::read);
    let found = match earlier {
        Some(at) => Upload::resume(api, (backend, path), at).await?,
        None => None,
    };
    let mut upload = match found {
        Some(upload) => upload,
        None => Upload::create(api, source, backend, path).await?,
    };
    if let Some(note) = &note {
        note.write(&upload.at)?;
    }
    let complete = upload.send(source, bar).await?;
    if let Some(note) = &note {
        note.remove();
    }
    Ok(complete)
}

impl<'a> Upload<'a> {
    async fn create(
        api: &'a Api,
        source: &Source,
        backend: &'a str,
        path: &'a FilePath,
    ) -> Result<Self, Failure> {
        let target = api::with_query(&format!("{backend}/uploads"), &[("path", path.as_str())]);
        let mut request = ApiRequest::post(target).with("upload-complete", "?0");
        if let Some(size) = source.size() {
            request = request.with("upload-length", size.to_string());
        }
        let answer = api.send(request).await?;
        let id = answer.header("location").and_then(|at| at.rsplit('/').next());
        let id = id.context("the service names no place for the upload")?;
        Ok(Self {
            api,
            target: (backend, path),
            at: format!("{backend}/uploads/{id}"),
            offset: 0,
            chunk: chunk(&answer),
            is_complete: false,
        })
    }

    /// Asks for an upload; `None` if the service has it no more.
    async fn resume(
        api: &'a Api,
        target: (&'a str, &'a FilePath),
        at: String,
    ) -> Result<Option<Self>, Failure> {
        let answer = api.ask(ApiRequest::head(at.as_str())).await?;
        match answer.status() {
            404 | 410 => return Ok(None),
            200..300 => {}
            status => {
                return Err(anyhow!("the upload can't be resumed: the service answers {status}").into());
            }
        }
        Ok(Some(Self {
            api,
            target,
            is_complete: answer.header("upload-complete") == Some("?1"),
            offset: offset(&answer).context("the service does not say what it has of the upload")?,
            chunk: chunk(&answer),
            at,
        }))
    }

    /// Sends all that is left: a chunk is read while the one before it is sent.
    async fn send(&mut self, source: &Source, bar: &ProgressBar) -> Result<Value, Failure> {
        let (mut failures, mut pause) = (0, FIRST_PAUSE);
        loop {
            // The answer to the last chunk may be lost.
            if self.is_complete {
                return self.api.stat(self.target.0, self.target.1).await;
            }
            let begun = self.offset;
            let failure = match self.send_from(source, bar).await? {
                Ok(complete) => return Ok(complete),
                Err(failure) => failure,
            };
            if self.offset > begun {
                (failures, pause) = (0, FIRST_PAUSE);
            }
            failures += 1;
            if failures > MAX_FAILURES {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            match Self::resume(self.api, self.target, self.at.clone()).await {
                Ok(Some(upload)) => *self = upload,
                Ok(None) => return Err(anyhow!("the service gave the upload up; start again").into()),
                // It may be starting.
                Err(_) => {}
            }
        }
    }

    /// Sends from the offset on, until a chunk is lost.
    async fn send_from(
        &mut self,
        source: &Source,
        bar: &ProgressBar,
    ) -> Result<Result<Value, Failure>, Failure> {
        let mut chunks = Chunks {
            stream: source.read(self.api, self.offset).await?,
            rest: Bytes::new(),
            size: usize::try_from(self.chunk).unwrap_or(usize::MAX),
        };
        let mut next = chunks.next().await;
        loop {
            bar.set_position(self.offset);
            let chunk = match next {
                Ok(chunk) => chunk,
                Err(failure) => return Ok(Err(failure)),
            };
            let end = self.offset + chunk.len() as u64;
            // A source that ends just behind a chunk has an empty one at last.
            let is_last = chunk.len() < chunks.size;
            let sent;
            (sent, next) = tokio::join!(self.append(chunk, is_last), chunks.next());
            self.offset = match sent? {
                Sent::Complete(complete) => {
                    bar.set_position(end);
                    return Ok(Ok(complete));
                }
                Sent::To(offset) => offset,
                Sent::Lost(failure) => return Ok(Err(failure)),
            };
            if self.offset != end {
                let has = self.offset;
                let failure = anyhow!("the service has {has} bytes of the upload, and takes no more");
                return Ok(Err(failure.into()));
            }
        }
    }

    async fn append(&self, chunk: Bytes, is_last: bool) -> Result<Sent, Failure> {
        let expected = self.offset + chunk.len() as u64;
        let request = ApiRequest::patch(self.at.as_str())
            .with_body("application/partial-upload", chunk)
            .with("upload-offset", self.offset.to_string())
            .with("upload-complete", if is_last { "?1" } else { "?0" });
        let answer = match self.api.ask(request).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(Sent::Lost(failure)),
        };
        Ok(match answer.status() {
            202 => Sent::Lost(anyhow!("the service still publishes the file; look at it later").into()),
            200..300 if is_last => Sent::Complete(api::read_json(answer).await?["data"].take()),
            200..300 => Sent::To(offset(&answer).unwrap_or(expected)),
            409 if offset(&answer).is_some() => Sent::To(offset(&answer).unwrap_or_default()),
            // Others, or an earlier request of this client, are about to end.
            409 if answer.header("retry-after").is_some() => Sent::Lost(api::refusal(answer).await),
            408 | 429 | 502..=504 => Sent::Lost(api::refusal(answer).await),
            _ => return Err(api::refusal(answer).await),
        })
    }
}

fn offset(answer: &ApiAnswer) -> Option<u64> {
    answer.header("upload-offset")?.parse().ok()
}

/// Returns how many bytes a request should have.
fn chunk(answer: &ApiAnswer) -> u64 {
    let limit = |name: &str| {
        let limits = answer.header("upload-limit")?.split(',');
        let mut pairs = limits.filter_map(|limit| limit.trim().split_once('='));
        pairs.find(|(key, _)| *key == name)?.1.parse::<u64>().ok()
    };
    let least = limit("min-append-size").unwrap_or(0).min(MAX_CHUNK_BYTES);
    let most = limit("max-append-size").unwrap_or(u64::MAX).max(1);
    CHUNK_BYTES.max(least).min(most)
}

/// Cuts a stream into chunks of one size; the last one is shorter.
struct Chunks {
    stream: ByteStream,
    /// What came behind the last chunk.
    rest: Bytes,
    size: usize,
}

impl Chunks {
    async fn next(&mut self) -> Result<Bytes, Failure> {
        let mut chunk = BytesMut::from(std::mem::take(&mut self.rest));
        while chunk.len() < self.size {
            let next = self.stream.try_next().await;
            match next.context("reading broke off")? {
                Some(piece) => chunk.extend_from_slice(&piece),
                None => return Ok(chunk.freeze()),
            }
        }
        self.rest = chunk.split_off(self.size).freeze();
        Ok(chunk.freeze())
    }
}

/// Remembers on this machine where an upload is.
struct Note(PathBuf);

impl Note {
    /// Returns the note of an upload; `None` without a home directory, or if the source has no version.
    fn of(source: &Source, target: &str) -> Option<Self> {
        let home = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let state = home("XDG_STATE_HOME").or_else(|| Some(home("HOME")?.join(".local/state")))?;
        let key = fingerprint(&format!("{target}\n{}", source.version()?));
        Some(Self(state.join("pureboot-storage/uploads").join(key)))
    }

    fn read(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.0).ok()?;
        Some(text.trim().to_owned())
    }

    fn write(&self, at: &str) -> Result<(), Failure> {
        let write = || {
            std::fs::create_dir_all(self.0.parent()?).ok()?;
            std::fs::write(&self.0, at).ok()
        };
        let shown = self.0.display();
        Ok(write()
            .with_context(|| format!("{shown} can't be written; set XDG_STATE_HOME to another directory"))?)
    }

    fn remove(&self) {
        let _stays_behind = std::fs::remove_file(&self.0);
    }
}
