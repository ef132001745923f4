//! Files of a backend.

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, Charset, ContentDisposition, DispositionParam,
    DispositionType, ETag, ExtendedValue, LastModified,
};
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use storage_backends::{ErrorKind, FileEntry};
use storage_domain::{Actor, ByteCount};
use time::OffsetDateTime;

use crate::audit::AuditEntry;
use crate::auth::link::{Link, Maker};
use crate::chain::Chain;
use crate::dto::{self, FileDto, FileListDto, LinkDto, One};
use crate::error::ApiError;
use crate::http::boundary::MAX_URI_BYTES;
use crate::http::download::{Download, FileRequest, Part, Validators};
use crate::http::extract::{HeldPermit, Id, JsonBody, field};
use crate::http::state::State;
use crate::http::upload::{REPR_DIGEST, digest_field};
use crate::problem::{Code, Problem};
use crate::service::AppError;

type Answer = Result<HttpResponse, ApiError>;

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
    let is_get = request.method() == Method::GET;
    let asked = FileRequest::new(is_get, |name| field(&request, name));
    let file = Download::open(&state.app, id, &path, &permit, &asked).await?;
    let hash = state.app.hash_of(id, &path, &file.entry).await?;
    let mut answer = match file.part {
        Part::Whole => HttpResponse::Ok(),
        Part::Range(first, last) => {
            let mut answer = HttpResponse::PartialContent();
            let size = file.entry.size.map_or(0, ByteCount::get);
            answer.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
            answer
        }
        Part::NotModified => {
            let mut answer = HttpResponse::NotModified();
            add_validators(&mut answer, &file.validators);
            return Ok(answer.finish());
        }
        Part::NotSatisfiable(size) => {
            let detail = format!("The file has {size} bytes; ask for some of these");
            let problem = Problem::new(Code::RangeNotSatisfiable, detail);
            return Err(ApiError(
                problem.with_header("content-range", format!("bytes */{size}")),
            ));
        }
    };
    add_validators(&mut answer, &file.validators);
    let ranges = if file.validators.allow_ranges() {
        "bytes"
    } else {
        "none"
    };
    answer
        .insert_header((ACCEPT_RANGES, ranges))
        .insert_header((CONTENT_TYPE, dto::mime_type(&file.entry)))
        .insert_header(attachment(&file.entry));
    if let Some(hash) = &hash {
        answer.insert_header((REPR_DIGEST, digest_field(hash)));
    }
    let bytes = file.bytes.unwrap_or_else(|| stream::empty().boxed().into());
    // The status is sent: all that is left is to end the connection short, which actix does after an error.
    let bytes = bytes.inspect_err(
        move |error| tracing::warn!(backend.id = %id, error = %Chain(error), "a download broke off"),
    );
    Ok(match file.length {
        Some(length) => answer.body(SizedStream::new(length, bytes)),
        None => answer.streaming(bytes),
    })
}

/// `POST /storage/backends/{id}/files/links`
pub(crate) async fn link(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let dto::LinkRequest { path, lifetime, boot } = dto::link(body)?;
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
    let keys = state.app.link_keys();
    let url = if boot {
        let directory = backend.boot_path.filter(|directory| path.is_below(directory));
        link.boot_url(&directory.ok_or_else(dto::not_a_boot_file)?, &keys)?
    } else {
        link.url(&keys)?
    };
    if url.len() > MAX_URI_BYTES {
        return Err(dto::too_long_for_a_link());
    }
    let expires_at = dto::timestamp(expires_at);
    Ok(HttpResponse::Created().json(One::new(LinkDto { url, expires_at })))
}

fn add_validators(answer: &mut HttpResponseBuilder, validators: &Validators) {
    // A link ends with its maker's token, which no cache knows of.
    answer.insert_header((CACHE_CONTROL, "private, no-cache"));
    if let Some(tag) = &validators.etag {
        answer.insert_header(ETag(tag.clone()));
    }
    if let Some(at) = validators.last_modified() {
        answer.insert_header(LastModified(at));
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
