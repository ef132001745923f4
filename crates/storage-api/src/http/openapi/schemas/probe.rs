//! What tests and discoveries find.

use serde_json::{Value, json};
use storage_domain::ByteCount;
use storage_domain::s3::S3Account;

use super::super::configs::{Use, schema_of};
use super::super::examples;
use super::super::schema::{
    about, constant, count, flag, id, list, nullable, object, one_of, reference, text, time,
};

pub(super) fn schemas() -> Vec<(String, Value)> {
    let all = [
        ("TestResult", test_result()),
        ("Check", check()),
        ("MountInForce", mount_in_force()),
        ("Target", target()),
        ("Lun", lun()),
        ("LogicalUnit", logical_unit()),
        ("Export", export()),
        ("Bucket", object(&[("name", text())], &[])),
        ("S3Account", account()),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn test_result() -> Value {
    let targets = "The iSCSI targets that were found, and their logical units; absent for other types.";
    let stuck = "Since when a call hangs in the kernel; absent if none does.";
    object(
        &[
            ("success", about(flag(), "Whether the backend can be used.")),
            (
                "message",
                about(text(), "What failed and what to do, or what was found."),
            ),
            (
                "checks",
                about(list(reference("Check")), "In the order in which they ran."),
            ),
            ("duration_ms", count("Duration of the test.")),
        ],
        &[
            ("targets", about(list(reference("Target")), targets)),
            ("stuck_since", about(time(), stuck)),
            ("mount", reference("MountInForce")),
            ("warnings", reference("Warnings")),
        ],
    )
}

fn check() -> Value {
    let name = "A stable name, such as resolve, exports, mount, capacity, scan.";
    object(
        &[
            ("name", about(text(), name)),
            ("outcome", one_of(&["passed", "failed", "skipped"])),
            ("detail", text()),
            ("duration_ms", count("Duration of the step.")),
        ],
        &[],
    )
}

fn mount_in_force() -> Value {
    let patience = "Time that the kernel waits for the server before a call fails; null: without end.";
    let schema = object(
        &[
            ("source", text()),
            ("version", nullable(text())),
            ("read_write", flag()),
            ("options", list(text())),
            ("gives_up_after_ms", nullable(count(patience))),
        ],
        &[],
    );
    about(schema, "The mount as the kernel has it; absent if there is none.")
}

fn target() -> Value {
    object(
        &[
            (
                "name",
                about(text(), "An IQN, or a name in another of the forms of RFC 7143."),
            ),
            (
                "portals",
                about(list(text()), "Its portals, as it is announced: 10.0.0.5:3260,1."),
            ),
        ],
        &[(
            "luns",
            about(
                list(reference("Lun")),
                "Absent if no session could be opened, and in a discovery.",
            ),
        )],
    )
}

fn lun() -> Value {
    let size = |max: u64, description: &str| json!({ "type": ["integer", "null"], "minimum": 0, "maximum": max, "description": description });
    object(
        &[
            ("number", json!({ "type": "integer", "minimum": 0 })),
            ("kind", one_of(&["disk", "cdrom"])),
            (
                "size_bytes",
                size(ByteCount::MAX.get(), "Null if the unit does not report it."),
            ),
            (
                "block_size",
                size(u32::MAX.into(), "In bytes; null if the unit does not report it."),
            ),
            ("vendor", text()),
            ("product", text()),
            ("serial", nullable(text())),
            (
                "ready",
                about(flag(), "Whether it takes commands that read blocks now."),
            ),
        ],
        &[],
    )
}

fn export() -> Value {
    let clients = "Who may mount it, in the server's words; empty if it does not say.";
    object(&[("path", text()), ("clients", about(text(), clients))], &[])
}

fn account() -> Value {
    let mut account = schema_of(S3Account::fields(), Use::Create);
    account["examples"] = examples::account();
    account
}

/// Describes what the web UI of PureBoot lists.
fn logical_unit() -> Value {
    let nothing = || json!({ "type": "null" });
    object(
        &[
            ("id", id()),
            ("name", text()),
            (
                "size_gb",
                count("Size in units of 2^30 bytes, rounded up; 0 if unknown."),
            ),
            ("target_id", about(id(), "The id of the backend.")),
            ("target_name", about(text(), "The name of the backend.")),
            ("lun_number", json!({ "type": "integer", "minimum": 0 })),
            ("iqn", text()),
            ("purpose", constant("install_source")),
            ("status", one_of(&["ready", "error"])),
            ("error_message", nullable(text())),
            ("assigned_node_id", nothing()),
            ("assigned_node_name", nothing()),
            ("chap_enabled", flag()),
            ("created_at", time()),
            ("updated_at", time()),
        ],
        &[],
    )
}
