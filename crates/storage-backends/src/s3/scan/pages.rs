//! One page after the other of one prefix.

use std::time::Duration;

use hyper::header::RETRY_AFTER;

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::http::failure::Failure;
use crate::net::ConnectError;
use crate::s3::scan::directories::Directories;
use crate::s3::service::Reply;
use crate::s3::verdict::{Verdict, verdict};
use crate::s3::xml::{Answer, Page};
use crate::s3::{S3Backend, backoff, request_error, words};

/// What a server is given to answer: with less time left, the last answer says more than another try would.
const ANSWER: Duration = Duration::from_millis(500);
/// How many pages in a row may have nothing in them.
const EMPTY_PAGES: u32 = 100;

/// Where a listing has got to.
#[derive(Debug)]
pub(crate) struct Cursor {
    prefix: String,
    delimited: bool,
    token: Option<String>,
    first_key: Option<String>,
    empty_pages: u32,
    /// Whether the server announced that there are objects below the prefix, and none was seen yet.
    unseen: bool,
    /// The directories that its keys name.
    pub(crate) directories: Directories,
}

impl Cursor {
    /// All objects below a prefix.
    pub(crate) fn of(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            delimited: false,
            token: None,
            first_key: None,
            empty_pages: 0,
            unseen: false,
            directories: Directories::below(prefix),
        }
    }

    /// The first level below a prefix.
    pub(crate) fn top(prefix: &str) -> Self {
        Self {
            delimited: true,
            ..Self::of(prefix)
        }
    }

    /// All objects below a prefix that the server named.
    pub(crate) fn announced(prefix: &str) -> Self {
        Self {
            unseen: true,
            ..Self::of(prefix)
        }
    }

    /// Whether the server announced objects, and showed none.
    pub(crate) fn is_disappointed(&self) -> bool {
        self.unseen
    }

    /// What the keys begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Goes on after a page; whether there is more.
    ///
    /// # Errors
    /// A sentence, where the server leads nowhere or in circles.
    pub(crate) fn advance(&mut self, page: &Page) -> Result<bool, &'static str> {
        self.unseen &= page.objects.is_empty();
        if !page.truncated {
            return Ok(false);
        }
        let Some(token) = &page.token else {
            return Err("the server says that there is more, and not how to ask for it");
        };
        let first_key = page.objects.first().map(|object| object.key.clone());
        if self.token.as_ref() == Some(token) || (first_key.is_some() && self.first_key == first_key) {
            return Err("the server lists the same objects again and again");
        }
        self.empty_pages = if first_key.is_some() {
            0
        } else {
            self.empty_pages + 1
        };
        if self.empty_pages > EMPTY_PAGES {
            return Err("the server lists nothing and says that there is more");
        }
        self.token = Some(token.clone());
        self.first_key = first_key;
        Ok(true)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        let mut query = vec![
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", "1000"),
            ("prefix", self.prefix.as_str()),
        ];
        if self.delimited {
            query.insert(0, ("delimiter", "/"));
        }
        if let Some(token) = &self.token {
            query.insert(0, ("continuation-token", token));
        }
        query
    }
}

/// Fetches the page that a cursor is at; what may pass by itself is tried again, while there is time.
pub(crate) async fn fetch(backend: &S3Backend, cx: &OpContext, cursor: &Cursor) -> Result<Page, Error> {
    let query = cursor.query();
    let mut tried = 0;
    loop {
        let reply = backend.service.get(&query).await;
        let (error, asked) = match reply {
            Ok(reply) => match verdict(&reply) {
                Verdict::Listed => {
                    return match reply.answer {
                        Some(Answer::Listing(page)) => Ok(page),
                        _ => Ok(Page::default()),
                    };
                }
                verdict => (refused(backend, verdict, &reply), retry_after(&reply)),
            },
            Err(failure) => (lost(&failure), None),
        };
        let (error, passes) = error;
        let wait = backoff::wait(tried, asked);
        tried += 1;
        if !passes || tried >= backoff::TRIES || cx.remaining() <= wait + ANSWER {
            return Err(error);
        }
        tracing::debug!(wait_ms = wait.as_millis(), %error, "a page of a bucket is asked for again");
        tokio::time::sleep(wait).await;
    }
}

/// The error of an answer that is no listing, and whether it may pass by itself.
fn refused(backend: &S3Backend, verdict: Verdict, reply: &Reply) -> (Error, bool) {
    let of = format!("the bucket {}", backend.bucket);
    let reason = words::sentence(verdict, reply, &backend.service, &of);
    match verdict {
        Verdict::Throttled | Verdict::Fault => (
            Error::new(ErrorKind::Server, "the request").with_source(reason),
            true,
        ),
        _ => (
            Error::new(ErrorKind::NotListable, "the listing").with_source(reason),
            false,
        ),
    }
}

/// The error of a request that was not answered. A connection that broke may pass; what needs somebody to change
/// something does not.
fn lost(failure: &Failure) -> (Error, bool) {
    let passes = match failure {
        Failure::Connect(error) => matches!(**error, ConnectError::Timeout { .. }),
        Failure::Reset
        | Failure::ClosedEarly
        | Failure::BodyStalled
        | Failure::BodyBroken
        | Failure::HeaderTimeout(_) => true,
        _ => false,
    };
    (request_error(failure), passes)
}

/// How long the server asks to be left alone, where it says so in seconds.
fn retry_after(reply: &Reply) -> Option<Duration> {
    let value = reply.headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
