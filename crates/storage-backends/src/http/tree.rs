//! The directories of a web server as a tree.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, OnceLock, PoisonError};

use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE};

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::http::lister::{self, Lister, NoPage, Style};
use crate::tree::{List, Page};
use crate::web::Answer;

/// Lists the directories below the base URL, each once.
#[derive(Debug)]
pub(crate) struct HttpTree<'a> {
    lister: &'a Lister<'a>,
    cx: &'a OpContext,
    /// How the root was listed, and with it all below.
    style: OnceLock<Style>,
    /// Hashes of the paths that were listed: redirects may lead to one of them again.
    listed: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl<'a> HttpTree<'a> {
    pub(crate) fn new(lister: &'a Lister<'a>, cx: &'a OpContext) -> Self {
        Self {
            lister,
            cx,
            style: OnceLock::new(),
            listed: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    async fn fetch(&self, directory: &[u8]) -> Result<lister::Page, Error> {
        if let Some(style) = self.style.get() {
            let page = self.lister.fetch_patiently(self.cx, *style, directory).await;
            return page.map_err(|why| unread(&why));
        }
        let (style, page) = self.lister.root_patiently(self.cx).await?;
        self.style.get_or_init(|| style);
        Ok(page)
    }

    fn is_new(&self, path: &[u8]) -> bool {
        let hash = self.hasher.hash_one(path);
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.insert(hash)
    }
}

impl List for HttpTree<'_> {
    /// A listing comes in one piece.
    type Cursor = std::convert::Infallible;

    async fn list(
        &self,
        directory: &[u8],
        _from: Option<Self::Cursor>,
    ) -> Result<Option<Page<Self::Cursor>>, Error> {
        let found = self.fetch(directory).await?;
        if !self.is_new(&found.path) {
            return Ok(Some(Page::default()));
        }
        let limits = self.lister.client().limits();
        let (entries, bytes) = (limits.page_entries, limits.page_bytes);
        let bound = || format!("a listing has more than {entries} entries or {bytes} bytes");
        Ok(Some(Page {
            entries: found.listing.entries,
            truncated: found.listing.cut.then(bound),
            ..Page::default()
        }))
    }

    async fn size(&self, file: &[u8]) -> Option<u64> {
        let url = self.lister.url(file).ok()?;
        // Apache answers HEAD of an empty file without a length.
        let enough = |head: &Answer| head.status.is_success() && length(head).is_some();
        let answer = self.lister.client().look(&url, enough).await.ok()?;
        match answer.status {
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => complete_length(&answer),
            StatusCode::OK => length(&answer),
            _ => None,
        }
    }
}

/// Makes the error of a directory below the root. It is temporary if the server did not answer.
fn unread(why: &NoPage) -> Error {
    let unanswered = matches!(why, NoPage::Failed(_));
    Error::new(ErrorKind::Server, "the listing")
        .with_temporary(unanswered)
        .with_source(why.to_string())
}

fn length(answer: &Answer) -> Option<u64> {
    answer.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns the length behind the slash of `bytes 0-0/1234` (RFC 9110, section 14.4).
fn complete_length(answer: &Answer) -> Option<u64> {
    let range = answer.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit_once('/')?.1.parse().ok()
}
