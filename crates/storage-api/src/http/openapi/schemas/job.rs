//! Changes of files, and the jobs that they become.

use serde_json::{Value, json};
use storage_domain::{BaseUrl, Job, JobKind, JobState};

use super::super::schema::{about, count, flag, id, nullable, object, one_of, reference, text, time};
use crate::dto::MAX_PATHS;

pub(super) fn schemas() -> Vec<(String, Value)> {
    let all = [
        ("FolderCreate", folder()),
        ("FileMove", movement()),
        ("FileDelete", deletion()),
        ("FileFetch", fetch()),
        (
            "FileHash",
            closed(object(&[("path", reference("FilePath"))], &[])),
        ),
        ("Job", job()),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn closed(mut schema: Value) -> Value {
    schema["additionalProperties"] = false.into();
    schema
}

fn paths() -> Value {
    json!({ "type": "array", "minItems": 1, "maxItems": MAX_PATHS, "items": reference("FilePath") })
}

fn folder() -> Value {
    let name = json!({
        "type": ["string", "null"], "maxLength": 255, "pattern": r"^([^/\x00.][^/\x00]*|\.[^/\x00.][^/\x00]*|\.\.[^/\x00]+)$",
        "description": "One segment below `path`; without it, `path` itself is made.",
    });
    closed(object(&[("path", reference("FilePath"))], &[("name", name)]))
}

fn movement() -> Value {
    let alternative = |member: &str, schema: Value, description: &str| {
        closed(object(
            &[
                (member, schema),
                ("destination_path", about(reference("FilePath"), description)),
            ],
            &[],
        ))
    };
    json!({ "oneOf": [
        alternative("source_path", reference("FilePath"), "The new path."),
        alternative("source_paths", paths(), "The directory that they come into."),
    ] })
}

fn deletion() -> Value {
    let recursive = about(
        nullable(flag()),
        "Whether directories go with all that is in them; by default true for POST, and false for DELETE.",
    );
    closed(object(&[("paths", paths())], &[("recursive", recursive)]))
}

fn fetch() -> Value {
    let url = json!({
        "type": "string", "maxLength": BaseUrl::MAX_BYTES, "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
    });
    let sha256 = json!({ "type": ["string", "null"], "pattern": "^[0-9A-Fa-f]{64}$" });
    let always = [("url", url), ("path", reference("FilePath"))];
    closed(object(&always, &[("sha256", sha256)]))
}

fn job() -> Value {
    let words = |all: &[&str]| one_of(all);
    let kinds: Vec<&str> = JobKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let mut units: Vec<&str> = JobKind::ALL.iter().map(|kind| kind.unit()).collect();
    units.dedup();
    let states: Vec<&str> = JobState::ALL.iter().map(|state| state.as_str()).collect();
    let progress = object(
        &[
            ("done", count("How much is done.")),
            ("total", nullable(count("How much there is; null if unknown."))),
            ("unit", words(&units)),
            (
                "rate",
                json!({ "type": "number", "minimum": 0, "description": "Units a second." }),
            ),
        ],
        &[],
    );
    let subject = json!({ "type": "string", "maxLength": Job::MAX_SUBJECT_BYTES });
    object(
        &[
            ("id", id()),
            ("kind", words(&kinds)),
            ("backend", object(&[("id", id()), ("name", text())], &[])),
            ("subject", about(subject, "The paths that it is about.")),
            ("state", words(&states)),
            ("progress", progress),
            ("started_at", time()),
            ("finished_at", nullable(time())),
            ("error", nullable(text())),
        ],
        &[],
    )
}
