//! Files of backends.

use serde_json::{Value, json};

use super::super::schema::{
    about, constant, count, flag, id, list, nullable, object, one_of, reference, text, time,
};
use crate::dto::{DEFAULT_LINK_SECONDS, MAX_BOOT_LINK_SECONDS};

pub(super) fn schemas() -> Vec<(String, Value)> {
    let flags = ["write", "rename", "ranges", "conditional"].map(|name| (name, flag()));
    let all = [
        ("File", file()),
        ("FileCapabilities", object(&flags, &[])),
        ("FilePath", path()),
        ("FileListResponse", page()),
        (
            "Link",
            object(
                &[
                    ("url", about(text(), "Relative to the service.")),
                    ("expires_at", time()),
                ],
                &[],
            ),
        ),
        ("LinkCreate", link()),
        ("Upload", upload()),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn file() -> Value {
    object(
        &[
            ("name", about(text(), "Last segment of the path.")),
            ("path", about(text(), "Absolute path within the backend.")),
            ("type", one_of(&["file", "directory"])),
            (
                "size",
                nullable(count(
                    "Size in bytes; null for a directory, and if it is not known.",
                )),
            ),
            ("mime_type", text()),
            ("modified_at", nullable(time())),
            (
                "etag",
                nullable(about(text(), "Strong entity tag, quotes included.")),
            ),
            ("sha256", nullable(text())),
        ],
        &[],
    )
}

/// Describes a path as [`storage_domain::FilePath`] reads it.
fn path() -> Value {
    let segment = r"([^/\x00.][^/\x00]*|\.[^/\x00.][^/\x00]*|\.\.[^/\x00]+)";
    json!({
        "type": "string", "maxLength": storage_domain::FilePath::MAX_BYTES, "pattern": format!("^(/|(/{segment})+/?)$"),
        "description": "Absolute path within the backend.", "examples": ["/images"],
    })
}

fn upload() -> Value {
    object(
        &[
            ("id", id()),
            ("path", text()),
            ("offset", count("Number of bytes that are stored.")),
            ("length", nullable(count("Length of the file, if it is known."))),
            ("complete", flag()),
            ("expires_at", time()),
        ],
        &[],
    )
}

fn link() -> Value {
    let seconds = json!({ "type": "integer", "minimum": 1, "maximum": MAX_BOOT_LINK_SECONDS, "default": DEFAULT_LINK_SECONDS });
    let mut link = object(
        &[("path", reference("FilePath"))],
        &[
            (
                "expires_in",
                about(seconds, "Seconds; a week at most without `boot`."),
            ),
            ("boot", about(flag(), "For the boot listener.")),
        ],
    );
    link["additionalProperties"] = false.into();
    link["examples"] = json!([{ "path": "/images/debian.iso" }]);
    link
}

fn page() -> Value {
    object(
        &[
            ("success", constant(true)),
            ("data", list(reference("File"))),
            (
                "total",
                nullable(count("Number of entries; null if they are in several pages.")),
            ),
            ("path", text()),
            (
                "cursor",
                nullable(about(text(), "Where the next page begins; null at the end.")),
            ),
            (
                "sorted",
                about(flag(), "Whether directories come first, then by name."),
            ),
            (
                "skipped",
                json!({ "type": "integer", "minimum": 0,
                "description": "Names that are not UTF-8, and links that lead nowhere or out of the backend." }),
            ),
            ("capabilities", reference("FileCapabilities")),
        ],
        &[],
    )
}
