//! Envelopes: one thing, or a list of them.

use serde_json::{Value, json};

use super::super::schema::{about, constant, id, list, nullable, object, reference, text};
use crate::dto::{CREATED, DELETED, UPDATED};

pub(super) fn schemas() -> Vec<(String, Value)> {
    let warned = |message| with_warnings(one(reference("Backend"), Some(message)));
    let all = [
        ("BackendResponse", one(reference("Backend"), None)),
        ("BackendCreatedResponse", warned(CREATED)),
        ("BackendUpdatedResponse", warned(UPDATED)),
        (
            "BackendDeletedResponse",
            one(object(&[("id", id())], &[]), Some(DELETED)),
        ),
        ("TestResponse", one(reference("TestResult"), None)),
        ("FileResponse", one(reference("File"), None)),
        ("UploadResponse", one(reference("Upload"), None)),
        ("LinkResponse", one(reference("Link"), None)),
        ("JobResponse", one(reference("Job"), None)),
        ("FilesDeletedResponse", one(counted("deleted"), None)),
        ("FilesMovedResponse", one(counted("moved"), None)),
        ("ProblemCodeResponse", one(reference("ProblemCode"), None)),
        ("HealthResponse", one(reference("Health"), None)),
        (
            "BackendListResponse",
            list_of("Backend", &[("unreadable", unreadable())]),
        ),
        ("TargetListResponse", list_of("Target", &[])),
        ("ExportListResponse", list_of("Export", &[])),
        (
            "BucketListResponse",
            list_of(
                "Bucket",
                &[(
                    "message",
                    about(text(), "What the list lacks; absent if nothing."),
                )],
            ),
        ),
        ("LogicalUnitListResponse", list_of("LogicalUnit", &[])),
        ("JobListResponse", list_of("Job", &[])),
        ("AuditListResponse", list_of("AuditRecord", &[])),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn one(data: Value, message: Option<&str>) -> Value {
    let message = message.map_or_else(|| nullable(text()), constant);
    object(
        &[("success", constant(true)), ("data", data), ("message", message)],
        &[],
    )
}

fn counted(member: &str) -> Value {
    object(&[(member, json!({ "type": "integer", "minimum": 0 }))], &[])
}

fn with_warnings(mut envelope: Value) -> Value {
    envelope["properties"]["warnings"] = reference("Warnings");
    envelope
}

fn list_of(item: &str, more: &[(&str, Value)]) -> Value {
    let total = json!({ "type": "integer", "minimum": 0, "description": "All matches." });
    object(
        &[
            ("success", constant(true)),
            ("data", list(reference(item))),
            ("total", total),
        ],
        more,
    )
}

fn unreadable() -> Value {
    about(
        list(reference("Unreadable")),
        "The rows of this page that can't be read; absent if there are none.",
    )
}
