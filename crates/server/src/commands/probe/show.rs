//! A probe's report, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use storage_domain::{Capacity, Check, IscsiTarget, Lun, Outcome, ProbeReport};

use crate::output;

/// The report as one JSON object: what the API's `test` answers in `data`, and the capacity.
pub(super) fn json(report: &ProbeReport) -> String {
    let mut object = json!({
        "success": report.passed(),
        "message": report.message(),
        "checks": report.checks.iter().map(check).collect::<Vec<Value>>(),
        "capacity": report.capacity.as_ref().map(capacity),
        "duration_ms": millis(report.duration),
    });
    if let Some(targets) = &report.targets {
        object["targets"] = targets.iter().map(target).collect();
    }
    if let Some(mount) = &report.mount {
        object["mount"] = json!({
            "source": mount.source,
            "version": mount.version,
            "read_write": mount.read_write,
            "options": mount.options,
            "gives_up_after_ms": mount.gives_up_after.map(millis),
        });
    }
    if !report.warnings.is_empty() {
        object["warnings"] = json!(report.warnings);
    }
    format!("{object:#}\n")
}

fn target(target: &IscsiTarget) -> Value {
    let mut object = json!({ "name": target.name, "portals": target.portals });
    if let Some(luns) = &target.luns {
        object["luns"] = luns.iter().map(lun).collect();
    }
    object
}

fn lun(lun: &Lun) -> Value {
    json!({
        "number": lun.number,
        "kind": lun.kind,
        "size_bytes": lun.size,
        "block_size": lun.block_size,
        "vendor": lun.vendor,
        "product": lun.product,
        "serial": lun.serial,
        "ready": lun.ready,
    })
}

fn check(check: &Check) -> Value {
    json!({
        "name": check.name,
        "outcome": check.outcome,
        "detail": check.detail,
        "duration_ms": millis(check.duration),
    })
}

fn capacity(capacity: &Capacity) -> Value {
    json!({
        "used_bytes": capacity.used.get(),
        "total_bytes": capacity.total.get(),
        "available_bytes": capacity.available.get(),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The report for people: a line a check, and what to do.
pub(super) fn human(report: &ProbeReport, coloured: bool) -> String {
    let widest = report.checks.iter().map(|c| c.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in &report.checks {
        let outcome = paint(coloured, check.outcome, &format!("{:7}", word(check.outcome)));
        let (name, detail, ms) = (check.name, output::in_line(&check.detail), millis(check.duration));
        let _ = writeln!(text, "{outcome}  {name:widest$}  {detail} ({ms} ms)");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {}", output::in_line(warning));
    }
    if let Some(capacity) = &report.capacity {
        let _ = writeln!(text, "capacity: {capacity}");
    }
    let (outcome, verdict) = if report.passed() {
        (Outcome::Passed, "Passed")
    } else {
        (Outcome::Failed, "Failed")
    };
    let verdict = paint(coloured, outcome, verdict);
    let _ = writeln!(
        text,
        "{verdict} in {} ms: {}",
        millis(report.duration),
        output::in_line(report.message())
    );
    text
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
    }
}

/// The text in the outcome's colour.
fn paint(coloured: bool, outcome: Outcome, text: &str) -> String {
    let colour = match outcome {
        Outcome::Passed => 32,
        Outcome::Failed => 31,
        Outcome::Skipped => 33,
    };
    output::paint(coloured, colour, text)
}
