//! The REST API as the command line calls it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Arg, ArgMatches, value_parser};
use serde_json::Value;
use storage_backends::ByteStream;
use storage_backends::web::{ApiAnswer, ApiClient};
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
        })
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

    pub(super) async fn download(&self, backend: &str, path: &FilePath) -> Result<ByteStream, Failure> {
        let answer = self
            .get(&format!("{backend}/files/download"), &[("path", path.as_str())])
            .await?;
        Ok(answer.into_stream())
    }

    async fn json(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let answer = self.get(path, query).await?;
        let body = answer.json().await.map_err(|error| anyhow!(explained(&error)))?;
        Ok(body)
    }

    /// Asks; a refusal is an error with the service's own words.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<ApiAnswer, Failure> {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        let answer = self.client.get(&format!("{path}?{query}")).await;
        let answer = answer.map_err(|error| anyhow!(explained(&error)))?;
        if answer.status() == 200 {
            return Ok(answer);
        }
        let status = answer.status();
        let problem = answer.json().await.unwrap_or_default();
        Err(match problem["detail"].as_str() {
            Some(detail) => anyhow!("{detail} ({status})"),
            None => anyhow!("the service answers {status} without a reason; check --url"),
        }
        .into())
    }
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
fn explained(error: &storage_backends::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
