//! Asks for single names: what they are, and whether the server knows names apart at all.

use std::hash::{BuildHasher as _, RandomState};

use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use hyper::{Method, StatusCode};
use url::Url;

use super::Lister;
use crate::context::OpContext;
use crate::files::ReadRequest;
use crate::http::lister::Page;
use crate::http::listing::Kind;
use crate::http::listing::url_names::is_with_slash;
use crate::http::not_listed::NoPage;
use crate::web::file::range;
use crate::web::redirect::Route;
use crate::web::retry::Backoff;
use crate::web::{self, Answer, Ask};

/// What a server answers to a name without a slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A redirect to the same name with a slash.
    Directory,
    /// A file, and its size in bytes, if that is known.
    File(Option<u64>),
    /// A web page: a directory's, or one in place of a file, such as a login.
    Page,
}

impl Lister<'_> {
    /// Asks for a name without a slash: what it is, and its size. GET decides, because HEAD is answered with other lengths.
    /// Asks again after what may pass. Returns `None` if the server has no answer to it.
    pub(crate) async fn ask_for(&self, cx: &OpContext, path: &[u8]) -> Option<Asked> {
        let (asked, _) = self.open(cx, path, None).await.ok()?;
        Some(asked)
    }

    /// As [`Lister::ask_for`], with the answer itself: to a request for this range, or for the first byte.
    ///
    /// # Errors
    /// Why the server has no answer to it.
    pub(crate) async fn open(
        &self,
        cx: &OpContext,
        path: &[u8],
        request: Option<&ReadRequest>,
    ) -> Result<(Asked, Answer), NoPage> {
        let url = self.url(path)?;
        let mut backoff = Backoff::default();
        loop {
            let permit = self.pace.acquire().await;
            let answer = match request {
                Some(request) => {
                    self.client
                        .send(&whole(&url).with_value(RANGE, range(request)))
                        .await
                }
                None => self.first_byte(&url).await,
            };
            let why = match answer {
                Ok(answer) if is_slash_added(&url, &answer.route) => return Ok((Asked::Directory, answer)),
                Ok(answer) if is_page_instead(&answer, path) => return Ok((Asked::Page, answer)),
                Ok(answer) if is_file(answer.status) => return Ok((Asked::File(length(&answer)), answer)),
                Ok(answer) => NoPage::Refused(answer.status, web::retry::asked(&answer.headers)),
                Err(error) => NoPage::from(error),
            };
            if !why.is_temporary() || !backoff.wait(cx, why.asked()).await {
                return Err(why);
            }
            if why.is_throttled() {
                permit.give_up();
            }
        }
    }

    /// Asks for the first byte of a file. If the server refuses that, as some do if the file is empty, all of it is asked
    /// for; its body is not read.
    async fn first_byte(&self, url: &Url) -> Result<Answer, web::Error> {
        let answer = self.client.send(&first_byte(url)).await?;
        if matches!(answer.status.as_u16(), 400 | 416) && length(&answer).is_none() {
            return self.client.send(&whole(url)).await;
        }
        Ok(answer)
    }

    /// Sends a request, and again if the server asks for fewer of them.
    ///
    /// # Errors
    /// Any [`web::Error`]; a status is none.
    pub(crate) async fn send_patiently(&self, cx: &OpContext, ask: &Ask) -> Result<Answer, web::Error> {
        let mut backoff = Backoff::default();
        loop {
            let answer = self.client.send(ask).await?;
            let why = NoPage::refused(answer.status, &answer.headers);
            if !why.is_throttled() || !backoff.wait(cx, why.asked()).await {
                return Ok(answer);
            }
        }
    }

    /// Returns whether the base is a file, if its slash is left out.
    pub(crate) async fn base_is_a_file(&self) -> bool {
        let mut url = self.base.clone();
        if url.path() == "/"
            || url
                .path_segments_mut()
                .map(|mut path| _ = path.pop_if_empty())
                .is_err()
        {
            return false;
        }
        let answer = self.first_byte(&url).await;
        answer.is_ok_and(|answer| answer.status.is_success() && !answer.route.url().path().ends_with('/'))
    }

    /// Returns whether the first file of a page is given out as one.
    pub(super) async fn gives_a_file_out(&self, page: &Page) -> bool {
        let mut entries = page.listing.entries.iter();
        let Some(file) = entries.find(|entry| entry.kind != Kind::Directory) else {
            return false;
        };
        let path = page.join(&file.name);
        let Ok(url) = self.url(&path) else {
            return false;
        };
        let answer = self.first_byte(&url).await;
        answer.is_ok_and(|answer| is_file(answer.status) && !is_page_instead(&answer, &path))
    }

    /// Returns whether the server answers a name that can't exist as if it were there, so that no answer proves anything.
    pub(crate) async fn answers_any_name(&self) -> bool {
        let random = RandomState::new().hash_one(0_u8);
        let Ok(url) = self.url(format!("no-such-name-{random:016x}").as_bytes()) else {
            return false;
        };
        let answer = self.first_byte(&url).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }
}

/// Makes the request for the first byte of a file.
pub(crate) fn first_byte(url: &Url) -> Ask {
    whole(url).with(RANGE, "bytes=0-0")
}

fn whole(url: &Url) -> Ask {
    Ask::new(Method::GET, url.clone()).with(ACCEPT, "*/*")
}

/// Returns whether a web page is sent in place of the file at `path`, such as a login.
pub(crate) fn is_page_instead(answer: &Answer, path: &[u8]) -> bool {
    let content_type = answer.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let is_page =
        content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"));
    let name = String::from_utf8_lossy(path).to_ascii_lowercase();
    let may_be_one = [".html", ".htm", ".xhtml"].iter().any(|end| name.ends_with(end));
    answer.status.is_success() && is_page && !may_be_one
}

fn is_file(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
    )
}

/// Returns whether a redirect added a slash to the name and changed nothing else of the path.
fn is_slash_added(url: &Url, route: &Route) -> bool {
    route.redirects() > 0 && is_with_slash(url, route.url())
}

/// Returns the length of a file of which the first byte was asked for (RFC 9110, section 14.4).
pub(crate) fn length(answer: &Answer) -> Option<u64> {
    let text = |name| answer.headers.get(name)?.to_str().ok();
    match answer.status {
        // `bytes 0-0/1234`, and `bytes */0` for an empty file.
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            text(CONTENT_RANGE)?.rsplit_once('/')?.1.trim().parse().ok()
        }
        // The length of an error is not the file's.
        status if status.is_success() && !answer.headers.contains_key(CONTENT_ENCODING) => {
            text(CONTENT_LENGTH)?.parse().ok()
        }
        _ => None,
    }
}
