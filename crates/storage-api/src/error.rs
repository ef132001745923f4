//! From what went wrong to the answer: the one place that maps errors to HTTP.

mod upload;

use std::fmt;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};
use storage_backends::{Error, ErrorKind, Holder, Holders};
use storage_domain::BackendKind;
use storage_persistence::StoreError;

use crate::dto::timestamp;
use crate::problem::{Code, MEDIA_TYPE, Problem};
use crate::service::{AppError, explain, explain_at};
use upload::of_upload;

/// After how many seconds a client may try again what the database or a mount kept from it.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;

/// How many of the processes that keep a mount in use a sentence names.
const MAX_NAMED: usize = 4;

/// The error of every handler and extractor.
#[derive(Debug, Clone)]
pub(crate) struct ApiError(pub(crate) Problem);

impl ApiError {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail))
    }

    /// There is no such backend, or its id is no id.
    pub(crate) fn backend_not_found() -> Self {
        Self::new(Code::BackendNotFound, "Backend not found")
    }

    /// A handler panicked; the panic's message is in the log.
    pub(crate) fn panicked() -> Self {
        Self::new(Code::Internal, INTERNAL)
    }

    /// An answer that something below the handlers made.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let code = Code::of_status(status.as_u16());
        match code {
            Code::Internal => Self::new(code, INTERNAL),
            other => Self::new(other, format!("{}. {}", other.title(), other.remedy())),
        }
    }

    /// The answer; `instance` and `request_id` are set if they are known.
    pub(crate) fn respond(&self, instance: Option<&str>, request_id: Option<&str>) -> HttpResponse {
        let problem = &self.0;
        let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status).body(problem.body(instance, request_id));
        response.extensions_mut().insert(problem.code);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for (name, value) in &problem.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

const INTERNAL: &str = "The service failed; its log has more under the id of this request";

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The boundary renders the problem that goes along once more, with what it knows of the request.
    fn error_response(&self) -> HttpResponse {
        let mut response = self.respond(None, None);
        response.extensions_mut().insert(self.0.clone());
        response
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        let retry = |p: Problem| p.with_header("retry-after", RETRY_AFTER_SECONDS.to_string());
        Self(match error {
            AppError::Store(error) => of_store(error),
            AppError::InvalidRequest(errors) => Problem::of_input(Code::InvalidRequest, errors),
            AppError::InvalidConfig(errors) => Problem::of_input(Code::InvalidConfig, errors),
            AppError::Precondition => Problem::new(
                Code::PreconditionFailed,
                "The backend has changed since it was read; read it again and repeat the change",
            ),
            AppError::Superseded => Problem::new(
                Code::BackendChanged,
                "The test was broken off, because the backend was changed meanwhile; test it again",
            ),
            AppError::Busy(holders) => of_busy(&holders),
            AppError::InProgress => retry(Problem::new(
                Code::OperationInProgress,
                "Other work on this backend goes on; wait for it and try again",
            )),
            AppError::TooBusy => retry(Problem::new(
                Code::TooBusy,
                "As many tests and discoveries run as may run at once, and none of them ended in time; try again",
            )),
            AppError::Stuck { since } => {
                let detail = "A call on this backend hangs in the kernel; bring its server back, or delete it with ?force=true";
                let problem = retry(Problem::new(Code::BackendStuck, detail));
                match since {
                    Some(since) => problem.with_member("stuck_since", timestamp(since)),
                    None => problem,
                }
            }
            AppError::Unmount(cause) => retry(
                Problem::new(
                    Code::UnmountFailed,
                    "What is mounted could not be taken away, so nothing was changed; try again",
                )
                .caused_by(cause),
            ),
            AppError::NotDiscovered(cause) => Problem::new(Code::DiscoveryFailed, explain(&cause)),
            AppError::NoLuns(kind) => Problem::new(
                Code::LunsNotAvailable,
                format!(
                    "This backend is of the type {}, and only those of the type iscsi have logical units",
                    kind.as_str()
                ),
            ),
            AppError::NoFiles(kind) => Problem::new(Code::NoFiles, no_files(kind)),
            AppError::NotMounted(message) => retry(Problem::new(Code::StorageUnavailable, message)),
            AppError::Files(cause) => of_files(cause),
            AppError::FileAt { path, cause } => {
                let detail = explain_at(&path, &cause);
                Problem {
                    detail,
                    ..of_files(cause)
                }
            }
            AppError::TooManyChanges => retry(Problem::new(
                Code::TooBusy,
                "As many changes of files run as may run at once, and none of them ended in time; try again",
            )),
            AppError::NoJob => Problem::new(Code::JobNotFound, "Job not found"),
            AppError::Upload(error) => of_upload(error),
            AppError::ShuttingDown => retry(Problem::new(
                Code::ShuttingDown,
                "The service is shutting down; send the request again when it is back",
            )),
            error @ AppError::Task(_) => Problem::new(Code::Internal, INTERNAL).caused_by(Arc::new(error)),
        })
    }
}

/// Says why a backend has no files to show.
fn no_files(kind: BackendKind) -> String {
    if kind.facts().is_mounted {
        return "Mounting is switched off, so that the files can't be read; start the service without no_mount".to_owned();
    }
    format!("This backend is of the type {kind}, and only those of the types nfs, http and s3 have files")
}

/// What storage says about files, on the wire.
fn of_files(error: Arc<Error>) -> Problem {
    let code = match error.kind() {
        ErrorKind::NotFound => Code::PathNotFound,
        ErrorKind::NotADirectory => Code::NotADirectory,
        ErrorKind::NotAFile => Code::NotAFile,
        ErrorKind::NotListable => Code::NotListable,
        ErrorKind::Denied => Code::StorageDenied,
        ErrorKind::TooBusy => Code::TooBusy,
        ErrorKind::Timeout => Code::StorageTimeout,
        ErrorKind::Stuck { .. } => Code::BackendStuck,
        ErrorKind::Exists => Code::PathExists,
        ErrorKind::NotEmpty => Code::DirectoryNotEmpty,
        ErrorKind::Refused => Code::PathRefused,
        ErrorKind::ReadOnly => Code::ReadOnly,
        ErrorKind::NoSpace => Code::NoSpace,
        ErrorKind::Unconditional => Code::PreconditionUnsupported,
        ErrorKind::Changed
        | ErrorKind::Cancelled
        | ErrorKind::Busy(_)
        | ErrorKind::NotMounted
        | ErrorKind::Config
        | ErrorKind::Helper
        | ErrorKind::MountTable
        | ErrorKind::Kernel
        | ErrorKind::Server => Code::StorageUnavailable,
    };
    let mut problem = Problem::new(code, explain(&error));
    if code.status() == 503 {
        problem = problem.with_header("retry-after", RETRY_AFTER_SECONDS.to_string());
    }
    // The sentence leaves out what concerns this host alone.
    match error.kind() {
        ErrorKind::Helper | ErrorKind::MountTable | ErrorKind::Kernel => problem.caused_by(error),
        _ => problem,
    }
}

/// Who keeps a mount in use, in words and as a member.
fn of_busy(holders: &Holders) -> Problem {
    let show = |holder: &Holder| format!("{} (process {})", holder.command, holder.pid);
    let names: Vec<String> = holders.found.iter().take(MAX_NAMED).map(show).collect();
    let more = match holders.found.len().saturating_sub(MAX_NAMED) {
        0 if holders.cut_short && !names.is_empty() => ", and perhaps more".to_owned(),
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let who = match (names.is_empty(), holders.unseen) {
        (false, _) => format!(" by {}{more}", names.join(", ")),
        (true, 0) => String::new(),
        (true, 1) => ", perhaps by a process of another user, which this service may not look at".to_owned(),
        (true, unseen) => {
            format!(
                ", perhaps by one of {unseen} processes of other users, which this service may not look at"
            )
        }
    };
    let list: Vec<Value> = holders
        .found
        .iter()
        .map(|holder| json!({ "pid": holder.pid, "command": holder.command }))
        .collect();
    let detail = format!(
        "The mount is in use{who}; end what uses it and try again, or delete the backend with ?force=true"
    );
    Problem::new(Code::BackendBusy, detail).with_member("holders", list)
}

/// What the store says, on the wire.
fn of_store(error: Arc<StoreError>) -> Problem {
    match &*error {
        StoreError::NotFound => ApiError::backend_not_found().0,
        StoreError::NameTaken => Problem::new(
            Code::NameTaken,
            "Another backend has this name; choose another one",
        ),
        StoreError::Changed => Problem::new(
            Code::BackendChanged,
            "The backend was changed meanwhile; read it again and repeat the change",
        ),
        StoreError::Unreadable { .. } => Problem::new(
            Code::BackendUnreadable,
            "The stored backend can't be read; delete it and create it again, or restore the database",
        )
        .caused_by(error),
        StoreError::Unavailable(_) => Problem::new(
            Code::DatabaseUnavailable,
            "The database does not answer; try again in a moment",
        )
        .with_header("retry-after", RETRY_AFTER_SECONDS.to_string())
        .caused_by(error),
        StoreError::Keys(_) | StoreError::Settings(_) | StoreError::Database { .. } => {
            Problem::new(Code::Internal, INTERNAL).caused_by(error)
        }
    }
}
