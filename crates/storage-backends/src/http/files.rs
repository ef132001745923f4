//! The files of a web server: a directory in pages, what is at a path, and its bytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use hyper::StatusCode;
use hyper::header::{DATE, HeaderMap, LAST_MODIFIED};
use storage_domain::{ByteCount, FilePath};
use time::Duration;

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{ByteStream, FileEntry, FileKind, ReadRequest, is_name_shown, is_shown};
use crate::http::lister::{self, Asked, Lister, Style, length};
use crate::http::listing::url_names::{has_extension, is_name};
use crate::http::messages::Trouble;
use crate::http::not_listed::NoPage;
use crate::http::{HttpBackend, SETTING};
use crate::web::file::{self, Part};
use crate::web::{self, Answer};

mod page;

/// What was learned of a server.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// How the base was listed.
    style: Mutex<Option<Style>>,
    /// Whether it sent all of a file of which it was asked for a part.
    ignores_ranges: AtomicBool,
}

impl Known {
    pub(super) fn ignores_ranges(&self) -> bool {
        self.ignores_ranges.load(Ordering::Relaxed)
    }

    fn style(&self) -> Option<Style> {
        *self.style.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_style(&self, style: Option<Style>) {
        *self.style.lock().unwrap_or_else(PoisonError::into_inner) = style;
    }

    /// Notes whether the answer to a request for a part is one.
    fn note_ranges(&self, answer: &Answer) {
        match answer.status {
            StatusCode::OK => self.ignores_ranges.store(true, Ordering::Relaxed),
            StatusCode::PARTIAL_CONTENT => self.ignores_ranges.store(false, Ordering::Relaxed),
            _ => {}
        }
    }
}

/// The files below a base URL.
#[derive(Debug)]
pub(super) struct Files<'a> {
    pub(super) backend: &'a HttpBackend,
    pub(super) lister: &'a Lister<'a>,
    pub(super) cx: &'a OpContext,
}

impl Files<'_> {
    pub(super) async fn stat(&self, path: &FilePath) -> Result<FileEntry, Error> {
        if path.is_root() {
            return self.root().await;
        }
        self.check(path, FileKind::File, "the file")?;
        let (asked, answer) = match self.lister.open(self.cx, path.relative().as_bytes(), None).await {
            Ok(opened) => opened,
            Err(why) if self.is_directory(path, &why).await => return self.directory(path),
            Err(why) => return Err(why.into_file_error()),
        };
        if self.kind(path, asked, &answer).await? == FileKind::Directory {
            return self.directory(path);
        }
        let size = length(&answer);
        Ok(FileEntry {
            kind: FileKind::File,
            size: size.map(ByteCount::saturating),
            modified_at: file::date(&answer.headers, LAST_MODIFIED),
            etag: validator(&answer.headers, size),
            ..FileEntry::directory(path.name())
        })
    }

    /// A part is cut out of all of the file if the server sends no parts.
    pub(super) async fn read(&self, path: &FilePath, request: &ReadRequest) -> Result<ByteStream, Error> {
        if path.is_root() || request.length == Some(0) {
            return file::nothing(&self.stat(path).await?, request);
        }
        self.check(path, FileKind::File, "the file")?;
        let opened = self
            .lister
            .open(self.cx, path.relative().as_bytes(), Some(request))
            .await;
        let (asked, answer) = match opened {
            Ok(opened) => opened,
            Err(why) if self.is_directory(path, &why).await => return Err(self.not_a_file(path)),
            Err(why) => return Err(why.into_file_error()),
        };
        if self.kind(path, asked, &answer).await? == FileKind::Directory {
            return Err(self.not_a_file(path));
        }
        if file::range(request).is_some() {
            self.backend.known.note_ranges(&answer);
        }
        let size = length(&answer);
        let is_other_size = request
            .size
            .is_some_and(|wanted| size.is_some_and(|size| size != wanted));
        if is_other_size || request.etag.is_some() && validator(&answer.headers, size) != request.etag {
            return Err(file::changed());
        }
        if let Some(coding) = file::coding(&answer.headers, path.name()) {
            return Err(web::Error::Encoding(coding).into_backend_error(SETTING));
        }
        let part = Part::of(request, answer.status, &answer.headers);
        let part = part.map_err(|misfit| misfit.into_error(SETTING))?;
        Ok(part.stream(answer.body, self.lister.client().limits().pause, SETTING))
    }

    /// Refuses what no list leads to, if this is what is there.
    fn check(&self, path: &FilePath, kind: FileKind, step: &'static str) -> Result<(), Error> {
        let ignored = &self.backend.ignored;
        // A server on Windows takes `\` for `/`.
        let odd = path.segments().filter(|name| name.contains('\\'));
        let mut parts = odd.flat_map(|name| name.split('\\'));
        let is_safe = path.segments().all(|name| is_name(name.as_bytes()))
            && parts.all(|part| is_name_shown(part.as_bytes(), FileKind::Directory, ignored));
        (is_safe && is_shown(path, kind, ignored))
            .then_some(())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, step))
    }

    fn directory(&self, path: &FilePath) -> Result<FileEntry, Error> {
        self.check(path, FileKind::Directory, "the file")?;
        Ok(FileEntry::directory(path.name()))
    }

    fn not_a_file(&self, path: &FilePath) -> Error {
        let directory = self.directory(path);
        directory
            .err()
            .unwrap_or_else(|| Error::new(ErrorKind::NotAFile, "the file"))
    }

    /// The base is a directory, whatever it shows.
    async fn root(&self) -> Result<FileEntry, Error> {
        let answer = self.lister.ask(Style::Get, b"").await.map_err(NoPage::from);
        let answer = answer.map_err(NoPage::into_file_error)?;
        let why = NoPage::Refused(answer.status, None);
        if why.is_temporary() || answer.status == StatusCode::UNAUTHORIZED {
            return Err(why.into_file_error());
        }
        Ok(FileEntry::directory(""))
    }

    /// Fetches the listing of a directory, in the style in which the base is listed.
    async fn listing(&self, path: &[u8]) -> Result<(Style, lister::Page), NoPage> {
        let known = &self.backend.known;
        if let Some(style) = known.style() {
            let found = self.lister.fetch_patiently(self.cx, style, path).await;
            if matches!(found, Err(NoPage::NoListing | NoPage::NotUnderstood(_))) {
                known.set_style(None);
            }
            return Ok((style, found?));
        }
        let root = self.lister.root_patiently(self.cx).await;
        if let Ok((style, _)) = &root {
            known.set_style(Some(*style));
        }
        if path.is_empty() {
            return root;
        }
        // A base that has a page of its own may have directories that are listed.
        let style = root.map_or(Style::Get, |(style, _)| style);
        Ok((style, self.lister.fetch_patiently(self.cx, style, path).await?))
    }

    /// Returns whether a name that the server does not know is a directory: it may be known with a slash alone.
    async fn is_directory(&self, path: &FilePath, why: &NoPage) -> bool {
        why.is_not_found() && self.is_listed(path).await
    }

    async fn is_listed(&self, path: &FilePath) -> bool {
        let found = self.listing(path.relative().as_bytes()).await;
        found.is_ok_and(|(_, page)| !page.listing.is_bare())
    }

    /// Finds out what is at a path by the answer to its name.
    async fn kind(&self, path: &FilePath, asked: Asked, answer: &Answer) -> Result<FileKind, Error> {
        match asked {
            Asked::Directory => Ok(FileKind::Directory),
            Asked::Page if !has_extension(path.name().as_bytes()) && self.is_listed(path).await => {
                Ok(FileKind::Directory)
            }
            Asked::Page if answer.route.redirects() > 0 || self.lister.answers_any_name().await => {
                Err(Error::new(ErrorKind::Denied, "the file").with_source(Trouble::Page.to_string()))
            }
            Asked::File(_) | Asked::Page => Ok(FileKind::File),
        }
    }

    /// Makes the error of a directory that is not listed. The server may know a file of its name.
    async fn unlisted(&self, directory: &FilePath, why: NoPage) -> Error {
        let error = why.into_directory_error();
        let is_open = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotListable);
        if is_open && !directory.is_root() {
            let found = self.stat(directory).await;
            if found.is_ok_and(|found| found.kind == FileKind::File) {
                return Error::new(ErrorKind::NotADirectory, "the listing");
            }
        }
        error
    }
}

/// Returns the strong validator of an answer, or one made of size and date if the date is a strong one: older by a second
/// than the answer (RFC 9110, section 8.8.2.2).
fn validator(headers: &HeaderMap, size: Option<u64>) -> Option<String> {
    if let Some(etag) = file::etag(headers) {
        return Some(etag);
    }
    let modified = file::date(headers, LAST_MODIFIED)?;
    let is_strong = modified + Duration::SECOND <= file::date(headers, DATE)?;
    let size = size.filter(|_| is_strong)?;
    Some(format!("{size:x}-{:x}", modified.unix_timestamp()))
}
