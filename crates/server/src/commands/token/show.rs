//! How tokens are shown.

use serde_json::{Value, json};
use storage_domain::access::AccessToken;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time for people and programs, to the second.
pub(super) fn time(at: OffsetDateTime) -> String {
    let at = at.replace_nanosecond(0).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_default()
}

/// One JSON array.
pub(super) fn json(tokens: &[AccessToken], now: OffsetDateTime) -> String {
    let at = |time_: Option<OffsetDateTime>| time_.map(time);
    let tokens: Vec<Value> = tokens
        .iter()
        .map(|t| {
            json!({
                "id": t.id.as_str(),
                "name": t.name.as_str(),
                "role": t.role,
                "state": t.state(now).as_str(),
                "created_at": time(t.created_at),
                "expires_at": at(t.expires_at),
                "revoked_at": at(t.revoked_at),
                "last_used_at": at(t.last_used_at),
            })
        })
        .collect();
    format!("{:#}\n", Value::Array(tokens))
}

/// A table for people.
pub(super) fn table(tokens: &[AccessToken], now: OffsetDateTime) -> String {
    let head = ["ID", "NAME", "ROLE", "STATE", "EXPIRES", "LAST USED"].map(str::to_owned);
    let row = |t: &AccessToken| {
        [
            t.id.to_string(),
            t.name.to_string(),
            t.role.to_string(),
            t.state(now).as_str().to_owned(),
            t.expires_at.map_or_else(|| "never".to_owned(), time),
            t.last_used_at.map_or_else(|| "-".to_owned(), time),
        ]
    };
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(tokens.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}
