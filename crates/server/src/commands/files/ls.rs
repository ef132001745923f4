//! What `ls` prints.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;
use storage_domain::{ByteCount, FilePath};

use super::api::Api;
use crate::exit::{self, Failure};
use crate::output;

/// Columns of a size: `1023.9 GiB`.
const SIZE_COLUMNS: usize = 10;

/// Prints the entries of a directory page by page, or a file.
pub(super) async fn list(
    api: &Api,
    backend: &str,
    path: &FilePath,
    is_json: bool,
) -> Result<ExitCode, Failure> {
    let stat = api.stat(backend, path).await?;
    if stat["type"] == "file" {
        print(&[stat], is_json)?;
        return Ok(ExitCode::from(exit::OK));
    }
    let (mut cursor, mut skipped) = (None, 0);
    loop {
        let page = api.page(backend, path, cursor.as_deref()).await?;
        if !print(page["data"].as_array().map_or(&[], Vec::as_slice), is_json)? {
            break;
        }
        skipped += page["skipped"].as_u64().unwrap_or(0);
        cursor = page["cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    match skipped {
        0 => {}
        1 => output::note(
            "pureboot-storage: 1 entry is not shown: a link that leads nowhere or out, or a name that is not UTF-8",
        ),
        many => output::note(&format!(
            "pureboot-storage: {many} entries are not shown: links that lead nowhere or out, or names that are not UTF-8"
        )),
    }
    Ok(ExitCode::from(exit::OK))
}

/// Prints entries; returns whether their reader is still there.
fn print(entries: &[Value], is_json: bool) -> Result<bool, Failure> {
    let lines: String = entries
        .iter()
        .map(|entry| {
            if is_json {
                format!("{entry}\n")
            } else {
                line(entry)
            }
        })
        .collect();
    Ok(output::piece(lines.as_bytes()).context("writing failed")?)
}

/// Returns size, time and name; unknown ones are dashes, and control characters are escaped.
fn line(entry: &Value) -> String {
    let size = entry["size"]
        .as_u64()
        .map(|bytes| ByteCount::saturating(bytes).to_string());
    let time = entry["modified_at"].as_str().unwrap_or("-");
    let name = entry["name"].as_str().unwrap_or_default();
    // A name is one line.
    let shown = output::in_line(name);
    let mark = if entry["type"] == "directory" { "/" } else { "" };
    format!(
        "{:>SIZE_COLUMNS$}  {time:<20}  {shown}{mark}\n",
        size.as_deref().unwrap_or("-")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines() {
        let file = json!({ "name": "a\u{1b}[1m", "type": "file", "size": 1536, "modified_at": "2026-11-26T18:00:00Z" });
        assert_eq!(line(&file), "   1.5 KiB  2026-11-26T18:00:00Z  a\\u{1b}[1m\n");
        let directory = json!({ "name": "b", "type": "directory", "size": null, "modified_at": null });
        assert_eq!(line(&directory), "         -  -                     b/\n");
    }
}
