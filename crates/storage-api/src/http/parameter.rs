//! The parameters of routes.

use serde_json::{Value, json};
use storage_domain::{Actor, BackendKind, BackendName, BackendStatus, Host};

use crate::dto::{DEFAULT_LIMIT, MAX_FILES, MAX_LIMIT, MAX_OFFSET};

/// Text without control characters.
const NO_CONTROLS: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";

/// Declares the parameters: variant, key in the document, name, place, whether it is required, description, schema.
macro_rules! parameters {
    ($($variant:ident $key:literal $name:literal $place:literal $required:literal $description:literal $schema:expr;)+) => {
        /// A parameter of a route.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Parameter { $(#[doc = $description] $variant),+ }

        impl Parameter {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns its key among the components of the OpenAPI document.
            pub(crate) const fn key(self) -> &'static str { match self { $(Self::$variant => $key),+ } }

            /// Returns its name in a request.
            pub(crate) const fn name(self) -> &'static str { match self { $(Self::$variant => $name),+ } }

            /// Returns where it stands in a request.
            pub(crate) const fn place(self) -> &'static str { match self { $(Self::$variant => $place),+ } }

            /// Returns its description in the OpenAPI document.
            pub(crate) fn describe(self) -> Value {
                match self { $(Self::$variant => json!({
                    "name": $name, "in": $place, "required": $required, "description": $description,
                    "schema": $schema,
                })),+ }
            }
        }
    };
}

parameters! {
    Id "Id" "id" "path" true "Id of the backend."
        json!({ "type": "string", "format": "uuid" });
    Job "Job" "job" "path" true "Id of the job."
        json!({ "type": "string", "format": "uuid" });
    JobState "JobState" "state" "query" false "Only jobs in this state."
        json!({ "type": "string", "enum": job_states() });
    UploadId "UploadId" "upload" "path" true "Id of the upload." json!({ "type": "string", "format": "uuid" });
    ProblemCode "ProblemCode" "code" "path" true "Code of a problem." json!({ "type": "string" });
    File "File" "file" "path" true "Name of the file; empty for the first page." json!({ "type": "string" });
    IfMatch "IfMatch" "If-Match" "header" false "Entity tags, or `*` (RFC 9110, section 13.1)." json!({ "type": "string" });
    IfNoneMatch "IfNoneMatch" "If-None-Match" "header" false "Entity tags, or `*` (RFC 9110, section 13.1)."
        json!({ "type": "string" });
    Type "Type" "type" "query" false "Only backends of this type." json!({ "type": "string", "enum": kinds() });
    Status "Status" "status" "query" false "Only backends with this status."
        json!({ "type": "string", "enum": statuses() });
    Name "Name" "q" "query" false "Only backends whose name contains this text, in any case."
        json!({ "type": "string", "maxLength": BackendName::MAX_CHARS, "pattern": NO_CONTROLS });
    Limit "Limit" "limit" "query" false "Largest number of backends; without it, all."
        json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT });
    Offset "Offset" "offset" "query" false "Number of backends that are left out at the beginning."
        json!({ "type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0 });
    Force "Force" "force" "query" false "Detaches a mount that is in use or hangs."
        json!({ "type": "boolean", "default": false });
    Server "Server" "server" "query" true "A host name (RFC 1123), an IPv4 or an IPv6 address."
        json!({ "type": "string", "minLength": 1, "maxLength": Host::MAX_CHARS, "examples": ["10.0.0.5"] });
    Portal "Portal" "portal" "query" true
        "A host name, an IPv4 or an IPv6 address, with or without a port: nas.lab, 10.0.0.5:3260, [fd00::5]:3260."
        json!({ "type": "string", "minLength": 1, "maxLength": Host::MAX_CHARS + "[]:65535".len(), "examples": ["10.0.0.5:3260"] });
    Directory "Directory" "path" "query" false "Absolute path of a directory within the backend." json!({ "$ref": "#/components/schemas/FilePath" });
    FilePath "FilePath" "path" "query" true "Absolute path within the backend." json!({ "$ref": "#/components/schemas/FilePath" });
    Cursor "Cursor" "cursor" "query" false "The `cursor` of the page before." json!({ "type": "string", "pattern": "^[dfu]", "maxLength": storage_domain::FilePath::MAX_BYTES + 2 });
    FileLimit "FileLimit" "limit" "query" false "Largest number of entries."
        json!({ "type": "integer", "minimum": 1, "maximum": MAX_FILES, "default": MAX_FILES });
    Range "Range" "Range" "header" false "One range of bytes (RFC 9110, section 14.2); several are ignored." json!({ "type": "string" });
    IfRange "IfRange" "If-Range" "header" false "Entity tag or date (RFC 9110, section 13.1.5)." json!({ "type": "string" });
    ListLimit "ListLimit" "limit" "query" false "Largest number of records."
        json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT });
    ContentDigest "ContentDigest" "Content-Digest" "header" false "SHA-256 of the body (RFC 9530)." json!({ "type": "string" });
    ReprDigest "ReprDigest" "Repr-Digest" "header" false "SHA-256 of the file (RFC 9530)." json!({ "type": "string" });
    Checksum "Checksum" "X-Expected-Checksum-SHA256" "header" false "SHA-256 of the file, in hexadecimal digits." json!({ "type": "string" });
    UploadComplete "UploadComplete" "Upload-Complete" "header" true "`?1` with the last part." json!({ "type": "string", "enum": ["?0", "?1"] });
    UploadLength "UploadLength" "Upload-Length" "header" false "Length of the file." json!({ "type": "integer", "minimum": 0 });
    UploadOffset "UploadOffset" "Upload-Offset" "header" true "Number of bytes before the part." json!({ "type": "integer", "minimum": 0 });
    Before "Before" "before" "query" false
        "Only records older than the one with this id: the last one of the page before."
        json!({ "type": "string", "format": "uuid" });
    Since "Since" "since" "query" false "Only records of this time and later."
        json!({ "type": "string", "format": "date-time" });
    Backend "BackendId" "backend" "query" false "Only records about the backend with this id."
        json!({ "type": "string", "format": "uuid" });
    Actor "Actor" "actor" "query" false "Only records of this client." audit_text();
    Action "Action" "action" "query" false "Only records of this action, such as `backend.update`." audit_text();
}

fn kinds() -> Vec<&'static str> {
    BackendKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn job_states() -> Vec<&'static str> {
    storage_domain::JobState::ALL
        .iter()
        .map(|state| state.as_str())
        .collect()
}

fn statuses() -> Vec<&'static str> {
    BackendStatus::ALL.iter().map(|status| status.as_str()).collect()
}

fn audit_text() -> Value {
    json!({ "type": "string", "maxLength": Actor::MAX_NAME_CHARS, "pattern": NO_CONTROLS })
}
