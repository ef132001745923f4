//! Backends: as they are created, changed and shown.

use serde_json::{Map, Value, json};
use storage_domain::{BackendKind, BackendName, BackendStatus};

use super::super::configs::{self, Use};
use super::super::examples;
use super::super::schema::{
    about, constant, count, extend, id, list, nullable, object, one_of, reference, text, time,
};

pub(super) fn schemas() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for kind in BackendKind::ALL {
        let title = kind.facts().title;
        all.extend([
            (format!("{title}Backend"), shown(*kind)),
            (format!("{title}BackendCreate"), create(*kind)),
            (format!("{title}ConfigTest"), config_test(*kind)),
            (format!("{title}Config"), configs::schema(*kind, Use::Show)),
            (
                format!("{title}ConfigCreate"),
                configs::creation(*kind, &format!("{title}ConfigUpdate")),
            ),
            (
                format!("{title}ConfigUpdate"),
                configs::schema(*kind, Use::Update),
            ),
        ]);
    }
    let fixed = [
        ("Backend", alternatives("Backend")),
        ("AnyBackend", any()),
        ("BackendCreate", alternatives("BackendCreate")),
        ("BackendUpdate", update()),
        ("ConfigTest", alternatives("ConfigTest")),
        ("BackendName", name()),
        ("BackendStatus", status()),
        ("Stats", stats()),
        ("Incomplete", incomplete()),
        ("Skipped", skipped()),
        ("LastTest", object(&[("at", time()), ("message", text())], &[])),
        (
            "Unreadable",
            object(&[("id", nullable(id())), ("detail", text())], &[]),
        ),
        ("Warnings", warnings()),
        ("BootPath", boot_path()),
        ("SecretsOf", secrets_of()),
    ];
    all.extend(fixed.map(|(name, schema)| (name.to_owned(), schema)));
    all
}

fn alternatives(suffix: &str) -> Value {
    let target = |kind: &BackendKind| format!("{}{suffix}", kind.facts().title);
    let mapping: Map<String, Value> = BackendKind::ALL
        .iter()
        .map(|kind| (kind.to_string(), reference(&target(kind))["$ref"].take()))
        .collect();
    json!({
        "oneOf": BackendKind::ALL.iter().map(|kind| reference(&target(kind))).collect::<Vec<_>>(),
        "discriminator": { "propertyName": "type", "mapping": mapping },
    })
}

fn name() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": BackendName::MAX_CHARS,
        "description": "Unique, compared exactly; not blank, no control or bidirectional-override characters.",
    })
}

fn status() -> Value {
    let words: Vec<&str> = BackendStatus::ALL.iter().map(|status| status.as_str()).collect();
    about(
        one_of(&words),
        "Result of the last test; offline: this config has none.",
    )
}

fn create(kind: BackendKind) -> Value {
    let config = reference(&format!("{}ConfigCreate", kind.facts().title));
    let boot_path = if kind.facts().has_files {
        reference("BootPath")
    } else {
        json!({ "type": "null" })
    };
    let mut schema = object(
        &[
            ("name", reference("BackendName")),
            ("type", constant(kind.as_str())),
            ("config", config),
        ],
        &[("boot_path", boot_path)],
    );
    schema["additionalProperties"] = false.into();
    schema["examples"] = examples::create(kind);
    schema
}

fn update() -> Value {
    let kinds: Vec<&str> = BackendKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let configs = BackendKind::ALL
        .iter()
        .map(|kind| reference(&format!("{}ConfigUpdate", kind.facts().title)))
        .chain([json!({ "type": "null" })]);
    let config = json!({ "anyOf": configs.collect::<Vec<_>>() });
    let kind = about(
        nullable(one_of(&kinds)),
        "The backend's own type; another one is refused.",
    );
    json!({
        "type": "object",
        "description": "What is absent or null stays as it is, `boot_path` only if absent. `config` is merged key by key; null clears an optional field, an absent or empty secret stays.",
        "properties": { "name": nullable(reference("BackendName")), "type": kind, "config": config, "boot_path": reference("BootPath") },
        "additionalProperties": false,
        "examples": examples::update(),
    })
}

/// Describes a config that is only tested. With an id it may lack secrets, so its shape is that of a change.
fn config_test(kind: BackendKind) -> Value {
    let config = reference(&format!("{}ConfigUpdate", kind.facts().title));
    let mut schema = object(
        &[("type", constant(kind.as_str())), ("config", config)],
        &[("id", reference("SecretsOf"))],
    );
    schema["additionalProperties"] = false.into();
    schema
}

fn boot_path() -> Value {
    let mut path = nullable(reference("FilePath"));
    path["description"] = "Directory whose files machines that boot may read; null: none.".into();
    path
}

fn secrets_of() -> Value {
    about(
        nullable(id()),
        "Id of a backend of the same type, whose secrets stand for those that are absent or empty.",
    )
}

fn shown(kind: BackendKind) -> Value {
    let config = reference(&format!("{}Config", kind.facts().title));
    let own = object(&[("type", constant(kind.as_str())), ("config", config)], &[]);
    extend("AnyBackend", own)
}

/// Describes what backends of all types have.
fn any() -> Value {
    object(
        &[
            ("id", id()),
            ("name", reference("BackendName")),
            ("status", reference("BackendStatus")),
            ("stats", reference("Stats")),
            ("boot_path", reference("BootPath")),
            ("last_test", nullable(reference("LastTest"))),
            ("created_at", time()),
            ("updated_at", time()),
        ],
        &[],
    )
}

fn stats() -> Value {
    object(
        &[
            ("used_bytes", count("Bytes in use; 0 if not measured.")),
            (
                "total_bytes",
                nullable(count(
                    "Bytes in all; null if there is no bound, or it was not measured.",
                )),
            ),
            ("file_count", count("Regular files; 0 if not counted.")),
            (
                "template_count",
                count("Files that are boot or install images by their names."),
            ),
        ],
        &[
            ("incomplete", reference("Incomplete")),
            ("skipped", reference("Skipped")),
        ],
    )
}

fn incomplete() -> Value {
    let schema = object(
        &[
            (
                "errors",
                count("Directories and files that could not be read, and bounds that ended the count."),
            ),
            ("first", about(text(), "The first of them, with its cause.")),
        ],
        &[],
    );
    about(
        schema,
        "What the last count could not read: its figures are lower bounds. Absent if it was complete.",
    )
}

fn skipped() -> Value {
    let schema = object(
        &[
            (
                "ignored",
                count("Directories that a file server keeps for itself."),
            ),
            (
                "other_file_systems",
                count("Directories on which another file system is mounted."),
            ),
            ("elsewhere", count("Entries that lead out of the backend.")),
            ("unreadable_names", count("Names that can't be read.")),
            ("first", about(nullable(text()), "The first of all.")),
        ],
        &[],
    );
    about(
        schema,
        "What the last count left out on purpose. Absent if nothing was.",
    )
}

fn warnings() -> Value {
    about(
        list(text()),
        "Reservations about what the config allows; absent if there are none.",
    )
}
