//! The settings file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::Value;

use super::keys::{DEFAULT_FILE, Key, Kind};

/// Reads the file that was named, or the default one where it is there.
///
/// # Errors
/// Why it can't be read. A line of the file is never shown: it may hold a password.
pub(crate) fn read(named: Option<PathBuf>) -> Result<Option<(PathBuf, toml::Table)>, String> {
    let is_default = named.is_none();
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if is_default && e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("config ({}) can't be read: {e}", path.display())),
    };
    let table = text.parse::<toml::Table>().map_err(|e| {
        let line = e.span().map_or(1, |span| line_of(&text, span.start));
        format!(
            "config ({}) is no TOML at line {line}: {}",
            path.display(),
            e.message()
        )
    })?;
    Ok(Some((path, table)))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

/// A value of the file, as the text that a flag would have.
///
/// # Errors
/// Where its type is none that the key takes.
pub(crate) fn texts(key: &Key, value: &Value) -> Result<Vec<String>, String> {
    let wanted = match key.kind {
        Kind::One => "must be a text or a number",
        Kind::Many => "must be a text or an array of texts",
        Kind::Switch { .. } => "must be true or false",
        Kind::Word { .. } => "must be a text",
    };
    match (key.kind, value) {
        (Kind::Switch { .. }, Value::Boolean(flag)) => Ok(vec![flag.to_string()]),
        (Kind::One | Kind::Many | Kind::Word { .. }, Value::String(text)) => Ok(vec![text.clone()]),
        (Kind::One, Value::Integer(number)) => Ok(vec![number.to_string()]),
        (Kind::Many, Value::Array(items)) => {
            let texts: Option<Vec<String>> = items.iter().map(|i| i.as_str().map(str::to_owned)).collect();
            texts.ok_or_else(|| wanted.to_owned())
        }
        _ => Err(wanted.to_owned()),
    }
}

/// Whether others may read the file.
pub(crate) fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}
