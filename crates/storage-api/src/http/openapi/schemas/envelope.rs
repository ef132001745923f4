//! Envelopes: one thing, or a list of them.

use serde_json::{Value, json};

use super::super::schema::{about, constant, extend, id, list, nullable, object, reference, text};
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
        ("BootCheckResponse", one(reference("BootCheck"), None)),
        ("BootStatsResponse", one(reference("BootStats"), None)),
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
        ("One", any_one()),
        ("List", any_list()),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

/// Describes what the envelopes of one thing have in common.
fn any_one() -> Value {
    let members = [("success", constant(true)), ("message", nullable(text()))];
    with_data(object(&members, &[]))
}

/// Describes what the envelopes of lists have in common.
fn any_list() -> Value {
    let total = json!({ "type": "integer", "minimum": 0, "description": "All matches." });
    with_data(object(&[("success", constant(true)), ("total", total)], &[]))
}

/// Requires data, which each envelope describes by itself.
fn with_data(mut envelope: Value) -> Value {
    if let Some(required) = envelope["required"].as_array_mut() {
        required.push("data".into());
    }
    envelope
}

fn one(data: Value, message: Option<&str>) -> Value {
    let mut own = json!({});
    own["data"] = data;
    if let Some(message) = message {
        own["message"] = constant(message);
    }
    extend("One", json!({ "type": "object", "properties": own }))
}

fn counted(member: &str) -> Value {
    object(&[(member, json!({ "type": "integer", "minimum": 0 }))], &[])
}

fn with_warnings(mut envelope: Value) -> Value {
    envelope["allOf"][1]["properties"]["warnings"] = reference("Warnings");
    envelope
}

fn list_of(item: &str, more: &[(&str, Value)]) -> Value {
    let mut own = json!({ "data": list(reference(item)) });
    for (name, schema) in more {
        own[*name] = schema.clone();
    }
    extend("List", json!({ "type": "object", "properties": own }))
}

fn unreadable() -> Value {
    about(
        list(reference("Unreadable")),
        "The rows of this page that can't be read; absent if there are none.",
    )
}
