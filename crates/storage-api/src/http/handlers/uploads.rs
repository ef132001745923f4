//! Writing the files of a backend.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{StreamExt as _, stream};
use storage_domain::{FilePath, UploadId};
use storage_persistence::StoredUpload;
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::audit::AuditEntry;
use crate::auth::csrf;
use crate::dto::{self, FileDto, One, UploadDto};
use crate::error::ApiError;
use crate::http::extract::{HeldPermit, Id, MAX_BODY_BYTES, lend_entry};
use crate::http::state::State;
use crate::http::upload::{
    body_digest, boolean, bytes, condition, content_length, file_digest, form_digest, number, plain_body,
    whole_body, with_body,
};
use crate::problem::Code;
use crate::service::{
    App, AppError, Append, Appended, Begun, MIN_APPEND_BYTES, NewFile, UploadError, WrittenFile, body,
};

type Answer = Result<HttpResponse, ApiError>;

/// The media type of a part of an upload.
pub(crate) const PARTIAL_UPLOAD: &str = "application/partial-upload";
/// How long a client waits for a file to be published after its last part; later it asks again.
const PUBLISH_WAIT: Duration = Duration::from_secs(20);
/// How long a form may take to come to its file.
const FORM_DEADLINE: Duration = Duration::from_secs(30);

const UPLOAD_OFFSET: &str = "upload-offset";
const UPLOAD_COMPLETE: &str = "upload-complete";
const UPLOAD_LENGTH: &str = "upload-length";
const UPLOAD_LIMIT: &str = "upload-limit";

/// `PUT /storage/backends/{id}/files/content`
pub(crate) async fn put(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
    payload: Payload,
) -> Answer {
    whole_body(&request)?;
    let new = NewFile {
        path: dto::file_path(request.query_string())?,
        condition: condition(&request)?,
        expected: body_digest(&request)?,
        length: content_length(&request)?,
    };
    let path = new.path.clone();
    let (sender, body) = body();
    let entry = lend_entry(&request, StatusCode::CREATED);
    let work = Box::pin(state.app.write_file(id, new, body, entry, permit));
    let written = with_body(work, bytes(payload), sender, None).await?;
    let written = written.ok_or(AppError::Task("the upload"))?;
    let status = if written.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(file(HttpResponse::build(status), &path, written))
}

/// `POST /storage/backends/{id}/files`
pub(crate) async fn form(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
    payload: Payload,
) -> Answer {
    csrf::check_origin(&request, &state.access.cors)?;
    plain_body(&request)?;
    let directory = dto::file_path(request.query_string())?;
    let (condition, expected) = (condition(&request)?, form_digest(&request)?);
    let mut form = Multipart::new(request.headers(), payload);
    let part = timeout(FORM_DEADLINE, file_part(&mut form)).await;
    let part = part
        .unwrap_or(Err(UploadError::Stalled))
        .map_err(AppError::from)?;
    let part = part.ok_or(AppError::Upload(UploadError::Form))?;
    let name = part.content_disposition().and_then(|part| part.get_filename());
    let path = directory
        .join(name.unwrap_or_default())
        .map_err(|rule| dto::not_a_name(&rule))?;
    let new = NewFile {
        path: path.clone(),
        condition,
        expected,
        length: None,
    };
    let (sender, body) = body();
    let entry = lend_entry(&request, StatusCode::OK);
    let work = Box::pin(state.app.write_file(id, new, body, entry, permit));
    // The form has to end well before the file appears.
    let rest = stream::once(async move {
        let second = file_part(&mut form).await?;
        second.map_or(Ok(Bytes::new()), |_| Err(UploadError::Form))
    });
    let written = with_body(work, bytes(part).chain(rest), sender, None).await?;
    let written = written.ok_or(AppError::Task("the upload"))?;
    Ok(file(HttpResponse::Ok(), &path, written))
}

/// Finds the next part `file` of a form; those before it are skipped.
async fn file_part(form: &mut Multipart) -> Result<Option<Field>, UploadError> {
    let mut skipped = 0;
    while let Some(part) = form.next().await {
        let mut part = part.map_err(|_| UploadError::Form)?;
        if part.name() == Some("file") {
            return Ok(Some(part));
        }
        while let Some(bytes) = part.next().await {
            skipped += bytes.map_err(|_| UploadError::Form)?.len();
            if skipped > MAX_BODY_BYTES {
                return Err(UploadError::Form);
            }
        }
    }
    Ok(None)
}

/// `POST /storage/backends/{id}/uploads`
pub(crate) async fn begin(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
) -> Answer {
    let has_body = content_length(&request)?.is_some_and(|bytes| bytes > 0);
    if has_body || boolean(&request, UPLOAD_COMPLETE)? != Some(false) {
        let detail =
            "Begin an upload with Upload-Complete: ?0 and without a body, and send its parts with PATCH";
        return Err(ApiError::new(Code::BadRequest, detail));
    }
    let new = NewFile {
        path: dto::file_path(request.query_string())?,
        condition: condition(&request)?,
        expected: file_digest(&request)?,
        length: number(&request, UPLOAD_LENGTH)?,
    };
    let path = new.path.clone();
    if let Some(entry) = request.extensions_mut().get_mut::<AuditEntry>() {
        entry.set_detail(path.as_str());
    }
    let row = match state.app.begin_upload(id, new, permit).await? {
        Begun::Upload(row) => row,
        Begun::There(written) => {
            let mut answer = HttpResponse::Ok();
            answer.insert_header((UPLOAD_COMPLETE, "?1"));
            return Ok(file(answer, &path, written));
        }
    };
    let mut answer = HttpResponse::Created();
    let at = format!("/api/v1/storage/backends/{id}/uploads/{}", row.id);
    answer.insert_header((LOCATION, at));
    describe(&mut answer, &row, &state.app);
    Ok(answer.json(One::new(UploadDto::new(&row))))
}

/// `GET` and `HEAD /storage/backends/{id}/uploads/{upload}`
pub(crate) async fn get(state: Data<State>, Id(id): Id, request: HttpRequest) -> Answer {
    let upload = upload_id(&request)?;
    let is_head = request.method() == Method::HEAD;
    let row = if is_head {
        state.app.settle_upload(id, upload).await?
    } else {
        state.app.find_upload(id, upload).await?
    };
    let mut answer = HttpResponse::build(if is_head {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::OK
    });
    describe(&mut answer, &row, &state.app);
    Ok(if is_head {
        answer.finish()
    } else {
        answer.json(One::new(UploadDto::new(&row)))
    })
}

/// `PATCH /storage/backends/{id}/uploads/{upload}`
pub(crate) async fn append(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
    payload: Payload,
) -> Answer {
    let upload = upload_id(&request)?;
    plain_body(&request)?;
    if request.content_type() != PARTIAL_UPLOAD {
        let detail = format!(
            "A part of an upload must be sent as {}: {PARTIAL_UPLOAD}",
            CONTENT_TYPE.as_str()
        );
        return Err(ApiError::new(Code::UnsupportedMediaType, detail));
    }
    let (offset, is_last) = (
        number(&request, UPLOAD_OFFSET)?,
        boolean(&request, UPLOAD_COMPLETE)?,
    );
    let (Some(offset), Some(is_last)) = (offset, is_last) else {
        let detail = "Send Upload-Offset, and Upload-Complete: ?1 with the last part, ?0 with the others";
        return Err(ApiError::new(Code::BadRequest, detail));
    };
    let part = Append {
        offset,
        is_last,
        length: number(&request, UPLOAD_LENGTH)?,
        part: content_length(&request)?,
        expected: file_digest(&request)?,
    };
    let path = state.app.find_upload(id, upload).await?.path;
    let (sender, body) = body();
    let entry = lend_entry(&request, StatusCode::CREATED);
    let work = Box::pin(state.app.append(id, upload, part, body, entry, permit));
    let mut answer = HttpResponse::Accepted();
    match with_body(work, bytes(payload), sender, Some(PUBLISH_WAIT)).await? {
        Some(Appended::File(written)) => {
            answer.status(if written.is_new {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            });
            answer.insert_header((UPLOAD_COMPLETE, "?1"));
            Ok(file(answer, &path, written))
        }
        Some(Appended::Part(row)) => {
            answer.status(StatusCode::NO_CONTENT);
            describe(&mut answer, &row, &state.app);
            Ok(answer.finish())
        }
        None => {
            let row = state.app.find_upload(id, upload).await?;
            describe(&mut answer, &row, &state.app);
            Ok(answer.json(One::new(UploadDto::new(&row))))
        }
    }
}

/// `DELETE /storage/backends/{id}/uploads/{upload}`
pub(crate) async fn cancel(state: Data<State>, Id(id): Id, request: HttpRequest) -> Answer {
    let row = state.app.cancel_upload(id, upload_id(&request)?).await?;
    if let Some(entry) = request.extensions_mut().get_mut::<AuditEntry>() {
        entry.set_detail(row.path.as_str());
    }
    Ok(HttpResponse::NoContent().finish())
}

fn upload_id(request: &HttpRequest) -> Result<UploadId, ApiError> {
    let id = request
        .match_info()
        .get("upload")
        .and_then(|text| text.parse().ok());
    id.ok_or_else(|| AppError::from(UploadError::NotFound).into())
}

/// Shows a file that was written.
fn file(mut answer: HttpResponseBuilder, path: &FilePath, written: WrittenFile) -> HttpResponse {
    if let Some(etag) = &written.entry.etag {
        answer.insert_header((ETAG, format!("\"{etag}\"")));
    }
    let shown = FileDto::new(path, written.entry).with_hash(Some(written.hash));
    answer.json(One::new(shown))
}

/// Adds how far an upload is, and its limits.
fn describe(answer: &mut HttpResponseBuilder, row: &StoredUpload, app: &App) {
    let age = (row.expires_at - OffsetDateTime::now_utc())
        .whole_seconds()
        .max(0);
    let size = app.most_upload_bytes().map(|most| format!(", max-size={most}"));
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((UPLOAD_OFFSET, row.stored))
        .insert_header((UPLOAD_COMPLETE, if row.is_complete { "?1" } else { "?0" }))
        .insert_header((
            UPLOAD_LIMIT,
            format!(
                "max-age={age}, min-append-size={MIN_APPEND_BYTES}{}",
                size.unwrap_or_default()
            ),
        ));
    if let Some(length) = row.length {
        answer.insert_header((UPLOAD_LENGTH, length));
    }
}
