//! Finds what a request asks for, in the time that firmware waits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Begun, FileBytes};
use storage_domain::{BackendId, FilePath, Role};
use storage_persistence::StoreError;
use time::OffsetDateTime;
use tokio::time::timeout;

use super::Boot;
use super::answer::{Answer, Content};
use super::cache::{Place, Reader};
use super::head::Head;
use super::known::Known;
use super::origin::Origin;
use super::target::{Root, Target};
use crate::auth::link::{self, BootToken};
use crate::chain::Chain;
use crate::error::ApiError;
use crate::http::download::{Download, FileRequest};
use crate::problem::Code;
use crate::service::{AppError, Permit, explain};

/// How long the first byte of a file may take. Some firmware gives up after 5 s, and other clients ask again after a 503.
const PATIENCE: Duration = Duration::from_secs(4);

/// What a request was about, for the log.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) backend: Option<BackendId>,
    pub(super) path: Option<FilePath>,
    /// Where the bytes of its answer come from, if it has any.
    pub(super) origin: Option<Origin>,
    /// Why it was refused.
    pub(super) reason: Option<String>,
    /// The same for clients of the API: it has nothing of this host.
    pub(super) detail: Option<String>,
}

/// Why a request is refused: the client gets the status, and the log the reason.
struct Refused {
    status: u16,
    reason: String,
    /// The reason for clients of the API, if it is another one.
    detail: Option<String>,
}

impl Refused {
    fn new(status: u16, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            status,
            reason,
            detail: None,
        }
    }
}

impl From<AppError> for Refused {
    fn from(error: AppError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<ApiError> for Refused {
    fn from(ApiError(problem): ApiError) -> Self {
        let status = match problem.code {
            Code::BackendNotFound
            | Code::NoFiles
            | Code::NotADirectory
            | Code::NotAFile
            | Code::PathNotFound
            | Code::PathRefused => 404,
            Code::Forbidden | Code::InvalidToken | Code::StorageDenied | Code::TokenExpired => 403,
            Code::PreconditionFailed => 412,
            Code::BackendChanged
            | Code::BackendStuck
            | Code::DatabaseUnavailable
            | Code::OperationInProgress
            | Code::ShuttingDown
            | Code::StorageTimeout
            | Code::StorageUnavailable
            | Code::TooBusy => 503,
            _ => 500,
        };
        let cause = problem.cause.as_ref().map(|cause| Chain(cause).to_string());
        Self {
            status,
            reason: cause.unwrap_or_else(|| problem.detail.clone()),
            detail: Some(problem.detail),
        }
    }
}

/// Answers a request.
pub(super) async fn answer(boot: &Boot, client: IpAddr, head: &Head) -> (Answer, Subject) {
    let mut subject = Subject::default();
    let found = timeout(PATIENCE, find(boot, client, head, &mut subject)).await;
    let late = || Refused::new(503, "the storage gave no byte in time");
    match found.unwrap_or_else(|_| Err(late())) {
        Ok(answer) => (answer, subject),
        Err(Refused {
            status,
            reason,
            detail,
        }) => {
            subject.detail = Some(detail.unwrap_or_else(|| reason.clone()));
            subject.reason = Some(reason);
            (Answer::refusal(status), subject)
        }
    }
}

async fn find(boot: &Boot, client: IpAddr, head: &Head, subject: &mut Subject) -> Result<Answer, Refused> {
    let no_file = || Refused::new(404, "the request names no file");
    let target = Target::parse(&head.target).ok_or_else(no_file)?;
    let (backend, path) = match &target.root {
        Root::Backend(_) if !boot.trusts(client) => {
            return Err(Refused::new(403, "the client is not in boot_networks"));
        }
        Root::Backend(id_or_name) => {
            let backend = boot.backends.find(id_or_name).await?;
            subject.backend = Some(backend.id);
            let closed = || Refused::new(404, "the backend has no boot_path");
            let directory = backend.boot_path.as_ref().ok_or_else(closed)?;
            let path = target.below(directory).ok_or_else(no_file)?;
            (backend, path)
        }
        Root::Link(token) => linked(boot, &target, token).await?,
    };
    (subject.backend, subject.path) = (Some(backend.id), Some(path.clone()));
    let (file, reader, origin) = open(boot, Place { backend, path }, &head.asked).await?;
    let unsized_file = || Refused::new(502, "the storage does not say how long the file is");
    let length = file.length.ok_or_else(unsized_file)?;
    let mut answer = Answer::of(&file, length);
    if matches!(target.root, Root::Link(_)) {
        answer.keep_out_of_caches();
    }
    if let Some(reader) = reader {
        answer.content = Content::Cached(reader);
        subject.origin = Some(origin);
    } else if let Some(bytes) = file.bytes.filter(|_| length > 0) {
        answer.content = begin(bytes, length).await?;
        subject.origin = Some(origin);
    }
    Ok(answer)
}

/// Waits for the first bytes, as long as there is a status to say what fails.
async fn begin(bytes: FileBytes, length: u64) -> Result<Content, Refused> {
    match bytes.begin().await {
        Ok(Some(Begun::Piece(first, rest))) => Ok(Content::File(first, rest)),
        Ok(Some(Begun::Pipe(pipe))) if pipe.left() == length => Ok(Content::Pipe(pipe)),
        Ok(Some(Begun::Pipe(_))) => Err(Refused::new(503, "the file is not as long as it was")),
        Ok(None) => Err(Refused::new(503, "the file ended before its first byte")),
        Err(error) => Err(Refused {
            detail: Some(explain(&error)),
            ..Refused::new(503, Chain(&error).to_string())
        }),
    }
}

/// Opens a file, in the cache if there is one.
async fn open(
    boot: &Boot,
    place: Place,
    asked: &FileRequest,
) -> Result<(Download, Option<Reader>, Origin), Refused> {
    if let Some(cache) = &boot.cache {
        return Ok(cache.download(&place, asked).await?);
    }
    let id = place.backend.id;
    let file = Download::open(&boot.app, id, &place.path, &Permit::none(), asked).await?;
    Ok((file, None, Origin::Storage))
}

/// Returns the file of a signed link whose maker may still read it. Whatever is wrong with a link, the answer is the same.
async fn linked(boot: &Boot, target: &Target, token: &str) -> Result<(Arc<Known>, FilePath), Refused> {
    let token = BootToken::parse(token).ok_or_else(link::invalid)?;
    let backend = match boot.backends.find(&token.backend().to_string()).await {
        Err(AppError::Store(error)) if matches!(*error, StoreError::NotFound) => {
            return Err(link::invalid().into());
        }
        found => found?,
    };
    let directory = backend.boot_path.as_ref();
    let path = directory.and_then(|directory| target.below(directory));
    let path = path.ok_or_else(link::invalid)?;
    let link = token.verify(&path, &boot.app.link_keys(), OffsetDateTime::now_utc())?;
    let maker = boot.access.by_link(link).await?;
    if maker.role.may(Role::Operator) {
        Ok((backend, path))
    } else {
        Err(link::invalid().into())
    }
}
