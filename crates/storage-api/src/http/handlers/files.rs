//! Files of a backend.

use std::time::SystemTime;

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, Charset, ContentDisposition, DispositionParam,
    DispositionType, ETag, ExtendedValue, HttpDate, LastModified,
};
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{TryStreamExt as _, stream};
use storage_backends::{ErrorKind, FileEntry, FileKind, ReadRequest};
use storage_domain::{Actor, BackendId, FilePath};
use time::OffsetDateTime;

use crate::audit::AuditEntry;
use crate::auth::link::{Link, Maker};
use crate::chain::Chain;
use crate::dto::{self, FileDto, FileListDto, LinkDto, One};
use crate::error::{ApiError, RETRY_AFTER_SECONDS};
use crate::http::boundary::MAX_URI_BYTES;
use crate::http::download::{Part, Validators};
use crate::http::extract::{HeldPermit, Id, JsonBody};
use crate::http::state::State;
use crate::http::upload::{REPR_DIGEST, digest_field};
use crate::problem::{Code, Problem};
use crate::service::{AppError, Permit};

type Answer = Result<HttpResponse, ApiError>;

/// Times that a file which changes between its description and its opening is tried.
const TRIES: usize = 3;

/// `GET /storage/backends/{id}/files`
pub(crate) async fn list(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
) -> Answer {
    let (directory, page) = dto::page_of_files(request.query_string())?;
    let is_first = page.after.is_none();
    let listed = state.app.list_files(id, directory.clone(), page, permit).await;
    let listed = listed.map_err(|error| match error {
        AppError::Files(cause) if *cause.kind() == ErrorKind::Changed && !is_first => dto::stale_cursor(),
        other => other.into(),
    })?;
    Ok(HttpResponse::Ok().json(FileListDto::new(&directory, listed, is_first)))
}

/// `GET /storage/backends/{id}/files/stat`
pub(crate) async fn stat(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
) -> Answer {
    let path = dto::file_path(request.query_string())?;
    let entry = state.app.stat_file(id, path.clone(), permit).await?;
    let hash = state.app.hash_of(id, &path, &entry).await?;
    Ok(HttpResponse::Ok().json(One::new(FileDto::new(&path, entry).with_hash(hash))))
}

/// `GET /storage/backends/{id}/files/download`
pub(crate) async fn download(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
) -> Answer {
    let path = dto::file_path(request.query_string())?;
    for _ in 0..TRIES {
        match send(&state, id, &path, &permit, &request).await {
            Err(Failed::Changed) => {}
            Err(Failed::Other(error)) => return Err(error),
            Ok(answer) => return Ok(answer),
        }
    }
    let detail = "The file changes faster than it can be read; wait until its writer has ended";
    let problem = Problem::new(Code::StorageUnavailable, detail);
    Err(problem
        .with_header("retry-after", RETRY_AFTER_SECONDS.to_string())
        .into())
}

/// `POST /storage/backends/{id}/files/links`
pub(crate) async fn link(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let (path, lifetime) = dto::link(body)?;
    let (backend, _) = state.app.with_files(id).await?;
    let mut extensions = request.extensions_mut();
    if let Some(entry) = extensions.get_mut::<AuditEntry>() {
        entry.set_backend(&backend);
        entry.set_detail(path.as_str());
    }
    let maker = extensions.get::<Actor>().cloned().unwrap_or_else(Actor::open);
    let latest = OffsetDateTime::now_utc() + lifetime;
    let expires_at = maker
        .until
        .map_or(latest, |until| until.min(latest))
        .truncate_to_second();
    let link = Link::new(id, &path, expires_at, Maker::of(&maker));
    let url = link.url(&state.app.link_keys())?;
    if url.len() > MAX_URI_BYTES {
        return Err(dto::too_long_for_a_link());
    }
    let expires_at = dto::timestamp(expires_at);
    Ok(HttpResponse::Created().json(One::new(LinkDto { url, expires_at })))
}

/// Why a file was not sent.
enum Failed {
    /// It is another version than a moment ago.
    Changed,
    Other(ApiError),
}

impl<E: Into<ApiError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

async fn send(
    state: &State,
    id: BackendId,
    path: &FilePath,
    permit: &Permit,
    request: &HttpRequest,
) -> Result<HttpResponse, Failed> {
    let entry = state.app.stat_file(id, path.clone(), permit.clone()).await?;
    if entry.kind == FileKind::Directory {
        let detail = "This is a directory; name a file in it";
        return Err(ApiError::new(Code::NotAFile, detail).into());
    }
    let validators = Validators::of(&entry);
    let hash = state.app.hash_of(id, path, &entry).await?;
    let size = entry.size.map(storage_domain::ByteCount::get);
    let (mut answer, offset, length) = match validators.part(request)? {
        Part::Whole => (HttpResponse::Ok(), 0, size),
        Part::Range(first, last) => {
            let mut answer = HttpResponse::PartialContent();
            let of = size.unwrap_or_default();
            answer.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{of}")));
            (answer, first, Some(last - first + 1))
        }
        Part::NotModified => {
            let mut answer = HttpResponse::NotModified();
            add_validators(&mut answer, &validators);
            return Ok(answer.finish());
        }
        Part::NotSatisfiable(size) => {
            let detail = format!("The file has {size} bytes; ask for some of these");
            let problem = Problem::new(Code::RangeNotSatisfiable, detail);
            return Err(ApiError(problem.with_header("content-range", format!("bytes */{size}"))).into());
        }
    };
    add_validators(&mut answer, &validators);
    answer
        .insert_header((
            ACCEPT_RANGES,
            if size.is_some() && validators.etag.is_some() {
                "bytes"
            } else {
                "none"
            },
        ))
        .insert_header((CONTENT_TYPE, dto::mime_type(&entry)))
        .insert_header(attachment(&entry));
    if let Some(hash) = &hash {
        answer.insert_header((REPR_DIGEST, digest_field(hash)));
    }
    if request.method() == Method::HEAD {
        let nothing = stream::empty::<Result<_, AppError>>();
        return Ok(match length {
            Some(length) => answer.body(SizedStream::new(length, nothing)),
            None => answer.streaming(nothing),
        });
    }
    let wanted = ReadRequest {
        offset,
        length,
        size,
        etag: entry.etag,
    };
    let bytes = state
        .app
        .read_file(id, path.clone(), wanted, permit.clone())
        .await;
    let bytes = bytes.map_err(|error| match error {
        AppError::Files(cause) if *cause.kind() == ErrorKind::Changed => Failed::Changed,
        other => other.into(),
    })?;
    // The status is sent: all that is left is to end the connection short, which actix does after an error.
    let bytes = bytes.inspect_err(
        move |error| tracing::warn!(backend.id = %id, error = %Chain(error), "a download broke off"),
    );
    Ok(match length {
        Some(length) => answer.body(SizedStream::new(length, bytes)),
        None => answer.streaming(bytes),
    })
}

fn add_validators(answer: &mut HttpResponseBuilder, validators: &Validators) {
    // A link ends with its maker's token, which no cache knows of.
    answer.insert_header((CACHE_CONTROL, "private, no-cache"));
    if let Some(tag) = &validators.etag {
        answer.insert_header(ETag(tag.clone()));
    }
    if let Some(modified) = validators.modified.filter(|at| *at <= SystemTime::now()) {
        answer.insert_header(LastModified(HttpDate::from(modified)));
    }
}

/// Names the file for whoever saves it (RFC 6266), in ASCII and in UTF-8 (RFC 8187).
fn attachment(entry: &FileEntry) -> ContentDisposition {
    let plain = |c: char| {
        if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' {
            c
        } else {
            '_'
        }
    };
    let ascii: String = entry.name.chars().map(plain).collect();
    let mut parameters = vec![DispositionParam::Filename(ascii.clone())];
    if ascii != entry.name {
        parameters.push(DispositionParam::FilenameExt(ExtendedValue {
            charset: Charset::Ext("UTF-8".to_owned()),
            language_tag: None,
            value: entry.name.clone().into_bytes(),
        }));
    }
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters,
    }
}
