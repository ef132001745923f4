//! One page after the other of one prefix.

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::s3::scan::directories::Directories;
use crate::s3::service::Reply;
use crate::s3::verdict::{Verdict, verdict};
use crate::s3::xml::{Answer, Page};
use crate::s3::{S3Backend, SETTING, words};
use crate::web::Client;
use crate::web::retry::{self, Backoff, Pace};

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

/// Fetches pages of one bucket for one scan.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    backend: &'a S3Backend,
    cx: &'a OpContext,
    client: Client,
    pace: Pace,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(backend: &'a S3Backend, cx: &'a OpContext) -> Self {
        Self {
            client: backend.service.client(),
            pace: Pace::new(backend.service.limits().parallel),
            backend,
            cx,
        }
    }

    /// Returns the page that a cursor is at. What may pass by itself is tried again while there is time, and fewer
    /// requests are sent at once if the server says so.
    ///
    /// # Errors
    /// [`ErrorKind::NotListable`] and [`ErrorKind::Server`].
    pub(crate) async fn fetch(&self, cursor: &Cursor) -> Result<Page, Error> {
        let query = cursor.query();
        let mut backoff = Backoff::default();
        loop {
            let slot = self.pace.acquire().await;
            let (error, asked, is_throttled) = match self.backend.service.get(&self.client, &query).await {
                Ok(reply) => match verdict(&reply) {
                    Verdict::Listed => {
                        return match reply.answer {
                            Some(Answer::Listing(page)) => Ok(page),
                            _ => Ok(Page::default()),
                        };
                    }
                    verdict => {
                        let asked = retry::asked(&reply.headers);
                        (
                            self.refused(verdict, &reply),
                            asked,
                            verdict == Verdict::Throttled,
                        )
                    }
                },
                Err(error) => (error.into_backend_error(SETTING), None, false),
            };
            if !error.is_temporary() || !backoff.wait(self.cx, asked).await {
                return Err(error);
            }
            if is_throttled {
                slot.give_up();
            }
        }
    }

    /// Makes the error of an answer that is not a listing.
    fn refused(&self, verdict: Verdict, reply: &Reply) -> Error {
        let of = format!("the bucket {}", self.backend.bucket);
        let reason = words::sentence(verdict, reply, &self.backend.service, &of);
        let kind = match verdict {
            Verdict::Throttled | Verdict::Fault => ErrorKind::Server,
            _ => ErrorKind::NotListable,
        };
        Error::new(kind, "the listing").with_source(reason)
    }
}
