//! Fetches one directory's listing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use url::Url;

use crate::context::OpContext;
use crate::http::listing::url_names::{encode, path_below};
use crate::http::listing::{self, Bounds, Directory, Format, Found, Listing, webdav};
use crate::http::not_listed::{NoPage, is_bucket};
use crate::web::redirect::shown;
use crate::web::retry::{Backoff, Pace};
use crate::web::{self, Answer, Ask, Client, body, content};

mod names;

pub(crate) use names::{Asked, first_byte, is_page_instead, length};

/// A text above this size is parsed on a thread for such work, in bytes: 64 KiB are about a millisecond.
const INLINE_BYTES: usize = 64 * 1024;

/// How a server is asked for listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Style {
    /// By GET, for JSON if the server has it.
    Get,
    /// By GET, for an index page alone.
    Page,
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
        join(&self.path, name)
    }
}

/// Returns the path of a child of the directory at `path`.
pub(crate) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
    [path, separator, name].concat()
}

/// Fetches the listings below one base URL.
#[derive(Debug)]
pub(crate) struct Lister<'a> {
    client: &'a Client,
    base: &'a Url,
    pace: Pace,
}

impl<'a> Lister<'a> {
    pub(crate) fn new(client: &'a Client, base: &'a Url) -> Self {
        Self {
            client,
            base,
            pace: Pace::new(client.limits().parallel),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client
    }

    /// Says how much of a listing is read.
    pub(crate) fn bound(&self) -> String {
        let limits = self.client.limits();
        let (entries, bytes) = (limits.page_entries, limits.page_bytes);
        format!("a listing has more than {entries} entries or {bytes} bytes")
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
    /// Why the base has no listing.
    pub(crate) async fn root_patiently(&self, cx: &OpContext) -> Result<(Style, Page), NoPage> {
        let mut backoff = Backoff::default();
        loop {
            match self.root().await {
                Err(why) if why.is_throttled() && backoff.wait(cx, why.asked()).await => {}
                found => return found,
            }
        }
    }

    async fn root(&self) -> Result<(Style, Page), NoPage> {
        let answer = self.ask(Style::Get, b"").await?;
        self.root_of(answer).await
    }

    /// Returns the listing of the base itself, of which this is the answer to GET, and the style in which it was got.
    ///
    /// # Errors
    /// Why the base has no listing.
    pub(crate) async fn root_of(&self, answer: Answer) -> Result<(Style, Page), NoPage> {
        let why = match self.read(Style::Get, b"", answer).await {
            Ok(page) if self.may_be_an_error(&page).await => NoPage::NoListing,
            Ok(page) => return Ok((Style::Get, page)),
            Err(why) if !why.may_be_listed_otherwise() => return Err(why),
            Err(why) => why,
        };
        let styles = [Style::Page, Style::WebDav];
        for style in styles
            .into_iter()
            .filter(|style| *style == Style::WebDav || why.may_have_a_page())
        {
            if let Ok(page) = self.fetch(style, b"").await
                && (style == Style::WebDav || !self.may_be_an_error(&page).await)
            {
                return Ok((style, page));
            }
        }
        Err(why)
    }

    /// Returns whether a page may be of another kind: an error page may look like an empty directory, and a list of
    /// anything like one of files.
    async fn may_be_an_error(&self, page: &Page) -> bool {
        (page.listing.is_bare() || page.listing.is_doubtful)
            && self.answers_any_name().await
            && !self.gives_a_file_out(page).await
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

    /// Returns the listing of the directory at `path` below the base.
    pub(crate) async fn fetch(&self, style: Style, path: &[u8]) -> Result<Page, NoPage> {
        let answer = self.ask(style, path).await?;
        self.read(style, path, answer).await
    }

    /// Asks for a directory.
    ///
    /// # Errors
    /// Any [`web::Error`]; a status is none.
    pub(crate) async fn ask(&self, style: Style, path: &[u8]) -> Result<Answer, web::Error> {
        let url = self.directory_url(path)?;
        let ask = match style {
            Style::Get => Ask::new(Method::GET, url),
            Style::Page => Ask::new(Method::GET, url).with(ACCEPT, "text/html, */*;q=0.1"),
            Style::WebDav => {
                // Any method's name that is a token is one.
                let method = Method::from_bytes(b"PROPFIND").unwrap_or(Method::OPTIONS);
                Ask::new(method, url)
                    .with(HeaderName::from_static("depth"), "1")
                    .with(CONTENT_TYPE, "application/xml; charset=utf-8")
                    .with_body(webdav::REQUEST)
            }
        };
        self.client.send(&ask).await
    }

    async fn read(&self, style: Style, path: &[u8], answer: Answer) -> Result<Page, NoPage> {
        let is_expected = match style {
            // A proxy that changes pages says so by 203.
            Style::Get | Style::Page => matches!(answer.status.as_u16(), 200 | 203),
            Style::WebDav => answer.status == StatusCode::MULTI_STATUS,
        };
        if !is_expected {
            return Err(self.refused(answer).await);
        }
        let (asked, url) = (self.directory_url(path)?, answer.route.url().clone());
        let away = || NoPage::Away(shown(&url));
        let directory = Directory::answered(&asked, url.clone()).ok_or_else(away)?;
        let path = if directory.is_at(&asked) {
            path.to_vec()
        } else {
            path_below(self.base, &directory).ok_or_else(away)?
        };
        let listing = self.parse(directory, answer).await?;
        Ok(Page { path, listing })
    }

    /// Returns why there is no listing by the status, and by the body of S3's errors.
    async fn refused(&self, answer: Answer) -> NoPage {
        let why = NoPage::refused(answer.status, &answer.headers);
        let content_type = answer.headers.get(CONTENT_TYPE).cloned();
        let is_xml = |value: &HeaderValue| value.as_bytes().ends_with(b"xml");
        if !why.is_temporary()
            && content_type.as_ref().is_some_and(is_xml)
            && let Ok(text) = body::read(answer.body, self.client.limits(), self.client.large_bodies()).await
            && Format::of(content_type.as_ref(), &text.bytes) == Some(Format::Bucket)
        {
            return NoPage::Bucket;
        }
        why
    }

    async fn parse(&self, directory: Directory, answer: Answer) -> Result<Listing, NoPage> {
        let limits = self.client.limits();
        let (content_type, encoding) = (
            answer.headers.get(CONTENT_TYPE).cloned(),
            answer.headers.get(CONTENT_ENCODING).cloned(),
        );
        let came = listing::media_type(content_type.as_ref());
        let is_bucket = is_bucket(&answer.headers);
        let is_redirected_to_a_file = !answer.route.url().path().ends_with('/');
        let text = body::read(answer.body, limits, self.client.large_bodies()).await?;
        let (complete, max_bytes, max_entries) = (text.complete, limits.page_bytes, limits.page_entries);
        let stop = StopOnDrop::default();
        let cancelled = Arc::clone(&stop.0);
        let parse = move |bytes: Vec<u8>| -> Result<_, web::Error> {
            let (bytes, all) = content::decode(bytes, encoding.as_ref(), max_bytes)?;
            let Some(format) = Format::of(content_type.as_ref(), &bytes) else {
                return Ok(None);
            };
            let bounds = Bounds {
                complete: complete && all,
                max_entries,
                cancelled: &cancelled,
            };
            Ok(Some(listing::read(format, directory, &bytes, bounds)))
        };
        let found = if text.bytes.len() <= INLINE_BYTES {
            parse(text.bytes)
        } else {
            let body::Text { bytes, permit, .. } = text;
            let parsed = tokio::task::spawn_blocking(move || parse(bytes)).await;
            drop(permit);
            parsed.map_err(|error| web::Error::Other(error.to_string()))?
        };
        match found? {
            Some(Found::Listing(listing)) => Ok(listing),
            Some(Found::Bucket) => Err(NoPage::Bucket),
            Some(Found::Page) if is_bucket => Err(NoPage::Bucket),
            Some(Found::Page) => Err(NoPage::NoListing),
            Some(Found::Json) => Err(NoPage::NotUnderstood("JSON".to_owned())),
            None if is_redirected_to_a_file => Err(NoPage::File),
            None => Err(NoPage::NotUnderstood(came)),
        }
    }
}

/// Sets its flag when it is dropped: nobody waits for the work any more.
#[derive(Debug, Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
