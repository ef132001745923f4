//! The table of problem codes, and a problem as it goes over the wire (RFC 9457).

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};
use storage_domain::Invalid;

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// How many mistakes a detail names, so that it stays readable.
const MAX_TOLD: usize = 8;

/// Declares the codes, one line of the table each.
macro_rules! codes {
    ($($variant:ident $word:literal $status:literal $title:literal $remedy:literal)+) => {
        /// A stable code, which clients may rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $(#[doc = $title] $variant),+ }

        impl Code {
            /// Every code, in the order of the statuses.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it on the wire.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $word),+ } }

            /// Its HTTP status.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),+ } }

            /// What it means, the same each time.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),+ } }

            /// What a person does on seeing it.
            pub const fn remedy(self) -> &'static str { match self { $(Self::$variant => $remedy),+ } }
        }
    };
}

codes! {
    InvalidJson "invalid_json" 400 "The body is no JSON object"
        "Send one JSON object in UTF-8, without a byte order mark and without a key that occurs twice."
    InvalidConfig "invalid_config" 400 "The config is not valid"
        "Mend every field that `errors` points at."
    PathRefused "path_refused" 400 "This path can't be used for it"
        "Do what `detail` says."
    BadRequest "bad_request" 400 "The request can't be understood"
        "Look at the request as it is sent; a proxy may have damaged it."
    Unauthorized "unauthorized" 401 "The request needs a token"
        "Send `Authorization: Bearer TOKEN`; `pureboot-storage token create` makes a token."
    InvalidToken "invalid_token" 401 "The token is not valid"
        "Compare the token with the one that was made; where it was revoked, make another one."
    TokenExpired "token_expired" 401 "The token has expired"
        "Make a new token with `pureboot-storage token create`, or ask the issuer for a new JSON Web Token."
    Forbidden "forbidden" 403 "The token's role may not do this"
        "Use a token of the role that `detail` names."
    CrossSite "cross_site" 403 "The request comes from another site"
        "Name the page's origin in `cors_origins`, or the service by its address; or make a token."
    BackendNotFound "backend_not_found" 404 "Backend not found"
        "List the backends: it may have been deleted."
    JobNotFound "job_not_found" 404 "Job not found"
        "List the jobs: those that ended are kept for a week."
    LunsNotAvailable "luns_not_available" 404 "The backend has no logical units"
        "Ask only backends whose `type` is `iscsi`."
    PathNotFound "path_not_found" 404 "There is nothing at this path of the backend"
        "List the directory that holds it: it may have been moved or deleted."
    UploadNotFound "upload_not_found" 404 "There is no such upload"
        "Begin another upload; one that is not complete ends after 24 hours."
    NotFound "not_found" 404 "There is nothing at this path"
        "Compare the path with the API's document, trailing slashes included."
    MethodNotAllowed "method_not_allowed" 405 "The method is not allowed here"
        "Use one of the methods that the `Allow` header names."
    RequestTimeout "request_timeout" 408 "The body did not arrive in time"
        "Send it again; look at the network between client and service."
    NameTaken "name_taken" 409 "Another backend has this name"
        "Choose another name, or change the backend that has it."
    BackendBusy "backend_busy" 409 "The mount is in use"
        "End what uses the mount and try again, or delete with `?force=true`, which detaches it."
    BackendChanged "backend_changed" 409 "The backend changed meanwhile"
        "Read the backend again, and repeat what is still wanted."
    OperationInProgress "operation_in_progress" 409 "Other work on the backend goes on"
        "Wait for it, and try again."
    NoFiles "no_files" 409 "The backend has no files"
        "Ask backends whose `type` is `nfs`, `http` or `s3`."
    NotADirectory "not_a_directory" 409 "The path leads to a file"
        "Name the directory that holds it."
    NotAFile "not_a_file" 409 "The path leads to a directory"
        "Name a file in it."
    NotListable "not_listable" 409 "The storage has no listing"
        "Do what `detail` says; files whose paths are known can be read all the same."
    PathExists "path_exists" 409 "Something is at this path already"
        "Choose another path, or delete what is there."
    DirectoryNotEmpty "directory_not_empty" 409 "The directory is not empty"
        "Delete what `detail` names, or send `recursive`."
    ReadOnly "read_only" 409 "The backend can't be written to"
        "Do what `detail` says."
    UploadOffset "upload_offset" 409 "The upload goes on elsewhere"
        "Go on with the byte that `Upload-Offset` names."
    UploadComplete "upload_complete" 409 "The upload is complete"
        "Nothing: the file is there."
    StorageDenied "storage_denied" 409 "The storage refuses the access"
        "Give the user that `detail` names, or the key of the backend, the right to do it."
    PreconditionFailed "precondition_failed" 412 "It is not the version that was read"
        "Read it again, merge the change, and send it with the new `ETag`."
    PayloadTooLarge "payload_too_large" 413 "The body is too large"
        "Send a smaller body."
    UriTooLong "uri_too_long" 414 "The address is too long"
        "Shorten the query."
    UnsupportedMediaType "unsupported_media_type" 415 "The body has another media type"
        "Send the media type that the route takes, for most `application/json`, without a content coding."
    RangeNotSatisfiable "range_not_satisfiable" 416 "The range is beyond the end of the file"
        "Ask for bytes below the size that `Content-Range` names."
    InvalidRequest "invalid_request" 422 "The request is not valid"
        "Mend every member that `errors` points at."
    DigestMismatch "digest_mismatch" 422 "The content has another digest"
        "Send it again; compare the digest with the one of the source."
    InvalidQuery "invalid_query" 422 "The query is not valid"
        "Mend every parameter that `errors` points at."
    RateLimited "rate_limited" 429 "Too many requests"
        "Wait as long as `Retry-After` says, and send fewer at once."
    HeadersTooLarge "headers_too_large" 431 "The header fields are too large"
        "Send fewer or smaller header fields, cookies among them."
    Internal "internal" 500 "The service failed"
        "Look for the request's id in the service's log, and report it."
    BackendUnreadable "backend_unreadable" 500 "The stored backend can't be read"
        "Delete the backend and create it again, or restore the database; the log says what is wrong with it."
    PreconditionUnsupported "precondition_unsupported" 501 "The storage has no conditional writes"
        "Send the file without `If-Match` and `If-None-Match`."
    DiscoveryFailed "discovery_failed" 502 "The storage could not be asked"
        "Do what `detail` says, and ask again."
    TooBusy "too_busy" 503 "The service is too busy"
        "Wait as long as `Retry-After` says, and try again."
    DatabaseUnavailable "database_unavailable" 503 "The database is not available"
        "Try again; where it stays so, look at the database."
    BackendStuck "backend_stuck" 503 "A call on the backend hangs"
        "Bring the storage's server back; or delete with `?force=true`; or restart the host."
    UnmountFailed "unmount_failed" 503 "The mount could not be taken away"
        "Try again; where it stays so, look at the service's log, or delete with `?force=true`."
    NotReady "not_ready" 503 "The service is not ready"
        "Wait; where it stays so, look at the database and whether it is migrated."
    StorageUnavailable "storage_unavailable" 503 "The storage can't be used now"
        "Do what `detail` says; a test of the backend shows more."
    ShuttingDown "shutting_down" 503 "The service is shutting down"
        "Send the request again when it is back."
    StorageTimeout "storage_timeout" 504 "The storage did not answer in time"
        "Check that the storage answers, and try again."
    NoSpace "no_space" 507 "The storage is full"
        "Delete files, or enlarge the storage or its quota."
}

impl Code {
    /// The URI reference that identifies the code; it can be read with GET.
    pub fn type_uri(self) -> String {
        format!("/problems/{}", self.as_str())
    }

    /// The code for a status that something below the handlers chose.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::RequestTimeout,
            413 => Self::PayloadTooLarge,
            414 => Self::UriTooLong,
            415 => Self::UnsupportedMediaType,
            429 => Self::RateLimited,
            431 => Self::HeadersTooLarge,
            400..=499 => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// One problem, before it is known which request it answers.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// One plain sentence that a person can act on.
    pub(crate) detail: String,
    /// What is wrong with the input, at which JSON Pointer.
    pub(crate) errors: Vec<Invalid>,
    /// Further members.
    pub(crate) members: Map<String, Value>,
    /// Further header fields.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// What is behind it, for the log only.
    pub(crate) cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// A problem of an input; the detail names its first mistakes, and `errors` has all of them.
    pub(crate) fn of_input(code: Code, errors: Vec<Invalid>) -> Self {
        let first = errors.iter().take(MAX_TOLD).map(ToString::to_string);
        let mut detail = first.collect::<Vec<_>>().join("; ");
        if let more @ 1.. = errors.len().saturating_sub(MAX_TOLD) {
            let _ = write!(detail, "; and {more} more, see errors");
        }
        let mut problem = Self::new(code, detail);
        problem.errors = errors;
        problem
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn with_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn caused_by(mut self, cause: Arc<dyn Error + Send + Sync>) -> Self {
        self.cause = Some(cause);
        self
    }

    /// The body, as an answer to the request at `instance` (a path) with this id.
    pub(crate) fn body(&self, instance: Option<&str>, request_id: Option<&str>) -> Vec<u8> {
        let errors = self
            .errors
            .iter()
            .map(|e| json!({"pointer": e.pointer(), "detail": e.to_string()}));
        let body = Body {
            kind: self.code.type_uri(),
            title: self.code.title(),
            status: self.code.status(),
            detail: &self.detail,
            instance,
            success: false,
            error: self.code.as_str(),
            errors: (!self.errors.is_empty()).then(|| errors.collect()),
            request_id,
            members: &self.members,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    success: bool,
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}
