//! Fetches one directory's listing.

use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::{Method, StatusCode};
use storage_domain::TemplatePatterns;
use tokio::sync::Semaphore;
use url::Url;

use crate::error::{Error, ErrorKind};
use crate::http::body;
use crate::http::client::{Answer, Ask, Client};
use crate::http::failure::Failure;
use crate::http::listing::url_names::path_below;
use crate::http::listing::{self, Bounds, Contents, Format, webdav};
use crate::http::redirect::shown;

/// A text above this size is parsed on a thread for such work, in bytes: 64 KiB are about a millisecond.
const INLINE_BYTES: usize = 64 * 1024;

/// How a server is asked for listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By GET: index pages and JSON.
    Get,
    /// By PROPFIND (RFC 4918).
    WebDav,
}

/// A directory's listing.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it is, below the base, in the canonical form; redirects may have led elsewhere than was asked.
    pub(crate) path: String,
    /// What it lists.
    pub(crate) contents: Contents,
}

/// Why a directory has no listing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPage {
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("the server answers {0}")]
    Refused(StatusCode),
    #[error("the server shows a page of its own there, and no directory listing")]
    NoListing,
    #[error("the server redirects to {0}, which is not below base_url")]
    Away(String),
}

/// Fetches the listings below one base URL.
#[derive(Debug)]
pub(crate) struct Lister<'a> {
    client: &'a Client,
    base: &'a Url,
    templates: Arc<TemplatePatterns>,
    large: Semaphore,
}

impl<'a> Lister<'a> {
    pub(crate) fn new(client: &'a Client, base: &'a Url, templates: Arc<TemplatePatterns>) -> Self {
        Self {
            client,
            base,
            templates,
            large: Semaphore::new(1),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client
    }

    /// The URL of what is at `path` below the base.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Failure> {
        // The base ends in a slash and the path is percent-encoded.
        let url = format!("{}{path}", self.base);
        Url::parse(&url).map_err(|_| Failure::BadUrl(path.to_owned()))
    }

    /// The listing of the base itself, and the way in which it was got.
    ///
    /// # Errors
    /// [`ErrorKind::NotListable`] and [`ErrorKind::Server`].
    pub(crate) async fn root(&self) -> Result<(Way, Page), Error> {
        let why = match self.fetch(Way::Get, "").await {
            Ok(page) => return Ok((Way::Get, page)),
            Err(NoPage::Failed(failure)) => return Err(failure.into()),
            Err(NoPage::Refused(status))
                if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED =>
            {
                let reason = format!("The server answers {status} instead of a directory listing");
                return Err(Error::new(ErrorKind::Server, "the request").with_source(reason));
            }
            Err(why) => why,
        };
        if let Ok(page) = self.fetch(Way::WebDav, "").await {
            return Ok((Way::WebDav, page));
        }
        let advice = match why {
            NoPage::Away(_) => "set base_url to where the files are",
            _ => {
                "switch the listing on (nginx: autoindex on; Apache: Options +Indexes), to have files counted"
            }
        };
        let reason = format!("The files can't be counted, because {why}: {advice}");
        Err(Error::new(ErrorKind::NotListable, "the listing").with_source(reason))
    }

    /// The listing of the directory at `path` below the base.
    pub(crate) async fn fetch(&self, way: Way, path: &str) -> Result<Page, NoPage> {
        let answer = self.client.send(&ask(way, self.url(path)?)).await?;
        let expected = match way {
            Way::Get => StatusCode::OK,
            Way::WebDav => StatusCode::MULTI_STATUS,
        };
        if answer.status != expected {
            return Err(NoPage::Refused(answer.status));
        }
        let url = answer.route.url().clone();
        let path = path_below(self.base, &url).ok_or_else(|| NoPage::Away(shown(&url)))?;
        let format = match way {
            Way::Get => Format::of_content_type(answer.headers.get(CONTENT_TYPE)).ok_or(NoPage::NoListing)?,
            Way::WebDav => Format::WebDav,
        };
        let contents = self.read(format, url, answer).await?;
        Ok(Page { path, contents })
    }

    async fn read(&self, format: Format, url: Url, answer: Answer) -> Result<Contents, NoPage> {
        let limits = self.client.limits();
        let text = body::read(answer.body, limits, &self.large).await?;
        let bounds = Bounds {
            entries: limits.page_entries,
            unsized_names: limits.size_requests,
        };
        let whole = text.whole;
        let templates = Arc::clone(&self.templates);
        let parse = move |bytes: &[u8]| listing::read(format, &url, bytes, whole, &templates, bounds);
        let contents = if text.bytes.len() <= INLINE_BYTES {
            parse(&text.bytes)
        } else {
            let body::Text { bytes, permit, .. } = text;
            let parsed = tokio::task::spawn_blocking(move || parse(&bytes)).await;
            drop(permit);
            parsed.map_err(|error| Failure::Other(error.to_string()))?
        };
        let mut contents = contents.ok_or(NoPage::NoListing)?;
        contents.cut |= !whole;
        Ok(contents)
    }
}

fn ask(way: Way, url: Url) -> Ask {
    match way {
        Way::Get => Ask::new(Method::GET, url),
        Way::WebDav => {
            // Any method's name that is a token is one.
            let method = Method::from_bytes(b"PROPFIND").unwrap_or(Method::OPTIONS);
            Ask::new(method, url)
                .with(HeaderName::from_static("depth"), "1")
                .with(CONTENT_TYPE, "application/xml; charset=utf-8")
                .with_body(webdav::REQUEST)
        }
    }
}
