//! The REST API as the command line calls it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Arg, ArgMatches, value_parser};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use storage_backends::ByteStream;
use storage_backends::web::{ApiAnswer, ApiClient, ApiRequest};
use storage_domain::http::CaBundle;
use storage_domain::{BaseUrl, FilePath, Secret};
use url::form_urlencoded;

use crate::exit::Failure;

/// Where a service of this machine listens.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Variable with the service's URL.
const URL: &str = "PUREBOOT_STORAGE_URL";
/// Variable with the token.
const TOKEN: &str = "PUREBOOT_STORAGE_TOKEN";
/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The flags that say which service is asked.
pub(super) fn args() -> [Arg; 3] {
    let file = |name: &'static str, help: String| {
        Arg::new(name)
            .long(name)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    let url = Arg::new("url").long("url").value_name("URL").help(format!(
        "The service, instead of the variable {URL} [default: {DEFAULT_URL}]"
    ));
    [
        url,
        file(
            "token-file",
            format!("A file with the token, instead of the variable {TOKEN}"),
        ),
        file(
            "ca-file",
            "Certificates of authorities in PEM that are trusted besides the system's".to_owned(),
        ),
    ]
}

/// A service that is asked.
pub(super) struct Api {
    client: ApiClient,
    url: BaseUrl,
}

impl Api {
    pub(super) fn open(flags: &ArgMatches) -> Result<Self, Failure> {
        let url = flags.get_one::<String>("url").cloned();
        let url = url.or_else(|| std::env::var(URL).ok());
        let url = url.as_deref().unwrap_or(DEFAULT_URL);
        let url: BaseUrl = url
            .parse()
            .map_err(|rule| Failure::Usage(format!("--url {rule}")))?;
        let ca = match flags.get_one::<PathBuf>("ca-file") {
            Some(path) => {
                let text = read(path)?;
                Some(
                    text.parse::<CaBundle>()
                        .map_err(|rule| Failure::Usage(format!("--ca-file {rule}")))?,
                )
            }
            None => None,
        };
        let token = match flags.get_one::<PathBuf>("token-file") {
            Some(path) => Some(read(path)?),
            None => std::env::var(TOKEN).ok(),
        };
        let token = token.filter(|text| !text.trim().is_empty());
        let token = token.map(|text| Secret::new(text.trim())).transpose();
        let token = token.map_err(|rule| Failure::Usage(format!("the token {rule}")))?;
        let client = ApiClient::new(&url, ca.as_ref(), token.as_ref());
        Ok(Self {
            client: client.map_err(|error| Failure::Usage(explained(&error)))?,
            url,
        })
    }

    pub(super) fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Returns the path of the backend with this name.
    pub(super) async fn backend(&self, name: &str) -> Result<String, Failure> {
        let found = self.json("/api/v1/storage/backends", &[("q", name)]).await?;
        let all = found["data"].as_array().map_or(&[][..], Vec::as_slice);
        let own = all.iter().find(|backend| backend["name"] == name);
        match own.and_then(|backend| backend["id"].as_str()) {
            Some(id) => Ok(format!("/api/v1/storage/backends/{id}")),
            None => Err(anyhow!(
                "there is no backend of the name {name}; list them with GET /api/v1/storage/backends"
            )
            .into()),
        }
    }

    pub(super) async fn stat(&self, backend: &str, path: &FilePath) -> Result<Value, Failure> {
        let query = [("path", path.as_str())];
        let mut found = self.json(&format!("{backend}/files/stat"), &query).await?;
        Ok(found["data"].take())
    }

    /// Describes what is at a path; `None` if nothing is.
    pub(super) async fn find(&self, backend: &str, path: &FilePath) -> Result<Option<Value>, Failure> {
        let target = with_query(&format!("{backend}/files/stat"), &[("path", path.as_str())]);
        let answer = self.ask(ApiRequest::get(target)).await?;
        match answer.status() {
            200 => Ok(Some(read_json(answer).await?["data"].take())),
            404 => Ok(None),
            _ => Err(refusal(answer).await),
        }
    }

    /// Returns which machines boot from a file.
    pub(super) async fn boot_check(&self, backend: &str, path: &FilePath) -> Result<Value, Failure> {
        let query = [("path", path.as_str())];
        let mut checked = self.json(&format!("{backend}/boot-check"), &query).await?;
        Ok(checked["data"].take())
    }

    pub(super) async fn page(
        &self,
        backend: &str,
        path: &FilePath,
        cursor: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut query = vec![("path", path.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.json(&format!("{backend}/files"), &query).await
    }

    /// Reads a file from an offset to its end. With a validator, it has to be that version.
    pub(super) async fn download(
        &self,
        backend: &str,
        path: &FilePath,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<ByteStream, Failure> {
        let target = with_query(&format!("{backend}/files/download"), &[("path", path.as_str())]);
        let mut request = ApiRequest::get(target);
        if let Some(etag) = etag {
            request = request.with("if-match", etag);
        }
        if offset == 0 {
            return Ok(self.send(request).await?.into_stream());
        }
        let answer = self
            .send(request.with("range", format!("bytes={offset}-")))
            .await?;
        let is_whole = answer.status() == 200;
        let stream = answer.into_stream();
        Ok(if is_whole { after(stream, offset) } else { stream })
    }

    /// Sends a JSON object; returns the answer, which may be a job that goes on.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = ApiRequest::post(path).with_body("application/json", body.to_string());
        read_json(self.send(request).await?).await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.json(path, &[]).await
    }

    async fn json(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        read_json(self.send(ApiRequest::get(with_query(path, query))).await?).await
    }

    /// Sends a request; a refusal is an error with the service's own words.
    pub(super) async fn send(&self, request: ApiRequest) -> Result<ApiAnswer, Failure> {
        let answer = self.ask(request).await?;
        if (200..300).contains(&answer.status()) {
            return Ok(answer);
        }
        Err(refusal(answer).await)
    }

    /// Sends a request; a refusal is an answer.
    pub(super) async fn ask(&self, request: ApiRequest) -> Result<ApiAnswer, Failure> {
        let answer = self.client.send(request).await;
        Ok(answer.map_err(|error| anyhow!(explained(&error)))?)
    }
}

/// Returns the error of an answer that is a refusal.
pub(super) async fn refusal(answer: ApiAnswer) -> Failure {
    let status = answer.status();
    let problem = answer.json().await.unwrap_or_default();
    match problem["detail"].as_str() {
        Some(detail) => anyhow!("{detail} ({status})"),
        None => anyhow!("the service answers {status} without a reason; check --url"),
    }
    .into()
}

pub(super) async fn read_json(answer: ApiAnswer) -> Result<Value, Failure> {
    let body = answer.json().await;
    Ok(body.map_err(|error| anyhow!(explained(&error)))?)
}

pub(super) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    format!("{path}?{query}")
}

/// Leaves out the beginning of a stream: not every storage has ranges.
fn after(stream: ByteStream, offset: u64) -> ByteStream {
    let mut left = offset;
    let rest = stream.try_filter_map(move |mut piece| {
        let skipped = left.min(piece.len() as u64);
        left -= skipped;
        let rest = piece.split_off(usize::try_from(skipped).unwrap_or(piece.len()));
        std::future::ready(Ok((!rest.is_empty()).then_some(rest)))
    });
    rest.boxed()
}

fn read(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let shown = path.display();
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| format!("opening {shown} failed"))?;
    file.take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {shown} failed"))?;
    Ok(text)
}

/// Returns the innermost cause: the sentence that has a remedy.
pub(super) fn explained(error: &storage_backends::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
