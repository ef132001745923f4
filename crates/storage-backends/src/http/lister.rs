//! Fetches one directory's listing.

use std::fmt;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::{Method, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::http::SETTING;
use crate::http::listing::url_names::{encode, path_below};
use crate::http::listing::{self, Format, Listing, webdav};
use crate::web::redirect::shown;
use crate::web::retry::{self, Backoff, Pace};
use crate::web::{self, Answer, Ask, Client, body};

/// A text above this size is parsed on a thread for such work, in bytes: 64 KiB are about a millisecond.
const INLINE_BYTES: usize = 64 * 1024;

/// How a server is asked for listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// By GET: index pages and JSON.
    Get,
    /// By PROPFIND (RFC 4918).
    WebDav,
}

/// A directory's listing.
#[derive(Debug)]
pub(crate) struct Page {
    /// Decoded path below the base, which a redirect may have changed.
    pub(crate) path: Vec<u8>,
    /// What it lists.
    pub(crate) listing: Listing,
}

impl Page {
    /// Returns the path of an entry.
    pub(crate) fn join(&self, name: &[u8]) -> Vec<u8> {
        let separator: &[u8] = if self.path.is_empty() { b"" } else { b"/" };
        [&self.path, separator, name].concat()
    }
}

/// Why a directory has no listing.
#[derive(Debug)]
pub(crate) enum NoPage {
    /// The server was not asked, or did not answer.
    Failed(web::Error),
    /// The server answers with another status; it may ask for a wait.
    Refused(StatusCode, Option<Duration>),
    /// The server shows a page that is not a listing.
    NoListing,
    /// The server redirects to a place that is not below the base.
    Away(String),
}

impl From<web::Error> for NoPage {
    fn from(error: web::Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for NoPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{}", error.sentence(SETTING)),
            Self::Refused(status, _) => write!(f, "the server answers {status}"),
            Self::NoListing => {
                f.write_str("the server shows a page of its own there, and no directory listing")
            }
            Self::Away(to) => write!(f, "the server redirects to {to}, which is not below base_url"),
        }
    }
}

impl NoPage {
    fn asked(&self) -> Option<Duration> {
        match self {
            Self::Refused(_, asked) => *asked,
            _ => None,
        }
    }

    /// Returns whether the server asks for fewer requests.
    pub(crate) fn is_throttled(&self) -> bool {
        matches!(self, Self::Refused(status, _) if matches!(status.as_u16(), 429 | 503))
    }

    /// Returns whether the same request may succeed soon.
    fn is_temporary(&self) -> bool {
        match self {
            Self::Failed(error) => error.is_temporary(),
            Self::Refused(status, _) => matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504),
            Self::NoListing | Self::Away(_) => false,
        }
    }

    /// Makes the error of a count.
    fn into_error(self) -> Error {
        let kind = match &self {
            Self::Failed(_) => ErrorKind::Server,
            Self::Refused(..) if self.is_temporary() => ErrorKind::Server,
            _ => ErrorKind::NotListable,
        };
        let temporary = self.is_temporary();
        let step = match &self {
            Self::Failed(error) => error.step(),
            _ => "the listing",
        };
        Error::new(kind, step)
            .with_temporary(temporary)
            .with_source(NotCounted(&self).to_string())
    }
}

/// Why files are not counted, and what to do about it.
#[derive(Debug)]
pub(crate) struct NotCounted<'a>(pub(crate) &'a NoPage);

impl fmt::Display for NotCounted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let NoPage::Failed(error) = self.0 {
            return write!(f, "{}", error.sentence(SETTING));
        }
        write!(f, "The files can't be counted, because {}: ", self.0)?;
        f.write_str(match self.0 {
            NoPage::Away(_) => "set base_url to where the files are",
            NoPage::Refused(status, _) => match status.as_u16() {
                401 => "set auth_method, username and password to credentials that the server accepts",
                407 => "take the proxy that asks for credentials out of the way",
                403 => {
                    "allow the directory to be read, set credentials, or switch the listing on (nginx: autoindex on; Apache: Options +Indexes)"
                }
                408 | 429 | 503 => "try again later, or allow more requests at the server",
                500 | 502 | 504 => "look into the server's log",
                _ => LISTING_ON,
            },
            NoPage::Failed(_) | NoPage::NoListing => LISTING_ON,
        })
    }
}

const LISTING_ON: &str =
    "switch the listing on (nginx: autoindex on; Apache: Options +Indexes), to have files counted";

/// Fetches the listings below one base URL.
#[derive(Debug)]
pub(crate) struct Lister<'a> {
    client: &'a Client,
    base: &'a Url,
    large: Semaphore,
    pace: Pace,
}

impl<'a> Lister<'a> {
    pub(crate) fn new(client: &'a Client, base: &'a Url) -> Self {
        Self {
            client,
            base,
            large: Semaphore::new(1),
            pace: Pace::new(client.limits().parallel),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client
    }

    /// Returns the URL of a file, by its decoded path below the base.
    pub(crate) fn url(&self, path: &[u8]) -> Result<Url, web::Error> {
        // The base ends in a slash.
        let path = encode(path);
        Url::parse(&format!("{}{path}", self.base)).map_err(|_| web::Error::BadUrl(path))
    }

    fn directory_url(&self, path: &[u8]) -> Result<Url, web::Error> {
        let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
        self.url(&[path, slash].concat())
    }

    /// As [`Lister::root`], and waits if the server asks for fewer requests.
    ///
    /// # Errors
    /// [`ErrorKind::NotListable`] and [`ErrorKind::Server`].
    pub(crate) async fn root_patiently(&self, cx: &OpContext) -> Result<(Style, Page), Error> {
        let mut backoff = Backoff::default();
        loop {
            match self.root().await {
                Err(why) if why.is_throttled() && backoff.wait(cx, why.asked()).await => {}
                found => return found.map_err(NoPage::into_error),
            }
        }
    }

    /// Returns the listing of the base itself, and the style in which it was got.
    ///
    /// # Errors
    /// Why the base has no listing.
    pub(crate) async fn root(&self) -> Result<(Style, Page), NoPage> {
        let why = match self.fetch(Style::Get, b"").await {
            Ok(page) => return Ok((Style::Get, page)),
            Err(why) if why.is_temporary() || matches!(why, NoPage::Failed(_)) => return Err(why),
            Err(why) => why,
        };
        match self.fetch(Style::WebDav, b"").await {
            Ok(page) => Ok((Style::WebDav, page)),
            Err(_) => Err(why),
        }
    }

    /// As [`Lister::fetch`], and asks again after what may pass; fewer requests are sent at once if the server says so.
    ///
    /// # Errors
    /// As [`Lister::fetch`].
    pub(crate) async fn fetch_patiently(
        &self,
        cx: &OpContext,
        style: Style,
        path: &[u8],
    ) -> Result<Page, NoPage> {
        let mut backoff = Backoff::default();
        loop {
            let permit = self.pace.acquire().await;
            match self.fetch(style, path).await {
                Err(why) if why.is_temporary() && backoff.wait(cx, why.asked()).await => {
                    if why.is_throttled() {
                        permit.give_up();
                    }
                }
                found => return found,
            }
        }
    }

    /// The listing of the directory at `path` below the base.
    pub(crate) async fn fetch(&self, style: Style, path: &[u8]) -> Result<Page, NoPage> {
        let answer = self.client.send(&ask(style, self.directory_url(path)?)).await?;
        let expected = match style {
            Style::Get => StatusCode::OK,
            Style::WebDav => StatusCode::MULTI_STATUS,
        };
        if answer.status != expected {
            return Err(NoPage::Refused(answer.status, retry::asked(&answer.headers)));
        }
        let url = answer.route.url().clone();
        let path = path_below(self.base, &url).ok_or_else(|| NoPage::Away(shown(&url)))?;
        let format = match style {
            Style::Get => {
                Format::of_content_type(answer.headers.get(CONTENT_TYPE)).ok_or(NoPage::NoListing)?
            }
            Style::WebDav => Format::WebDav,
        };
        let listing = self.read(format, url, answer).await?;
        Ok(Page { path, listing })
    }

    async fn read(&self, format: Format, url: Url, answer: Answer) -> Result<Listing, NoPage> {
        let limits = self.client.limits();
        let text = body::read(answer.body, limits, &self.large).await?;
        let (complete, max_entries) = (text.complete, limits.page_entries);
        let parse = move |bytes: &[u8]| listing::read(format, &url, bytes, complete, max_entries);
        let listing = if text.bytes.len() <= INLINE_BYTES {
            parse(&text.bytes)
        } else {
            let body::Text { bytes, permit, .. } = text;
            let parsed = tokio::task::spawn_blocking(move || parse(&bytes)).await;
            drop(permit);
            parsed.map_err(|error| web::Error::Other(error.to_string()))?
        };
        listing.ok_or(NoPage::NoListing)
    }
}

fn ask(style: Style, url: Url) -> Ask {
    match style {
        Style::Get => Ask::new(Method::GET, url),
        Style::WebDav => {
            // Any method's name that is a token is one.
            let method = Method::from_bytes(b"PROPFIND").unwrap_or(Method::OPTIONS);
            Ask::new(method, url)
                .with(HeaderName::from_static("depth"), "1")
                .with(CONTENT_TYPE, "application/xml; charset=utf-8")
                .with_body(webdav::REQUEST)
        }
    }
}
