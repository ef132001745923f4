//! The settings file.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::Value;

use super::setting::{DEFAULT_FILE, Key, Kind};

/// What the mode of a file with a password must not allow: anything to all users, writing to its group.
const TOO_OPEN: u32 = 0o027;

/// Reads the file that was named, or the default one if it exists.
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
        Kind::Flag { is_bool: true, .. } => "must be true or false",
        Kind::Flag { is_bool: false, .. } => "must be a text",
    };
    let texts = match (key.kind, value) {
        (Kind::Flag { is_bool: true, .. }, Value::Boolean(flag)) => Some(vec![flag.to_string()]),
        (Kind::Flag { is_bool: true, .. }, _) => None,
        (_, Value::String(text)) => Some(vec![text.clone()]),
        (Kind::One, Value::Integer(number)) => Some(vec![number.to_string()]),
        (Kind::Many, Value::Array(items)) => items.iter().map(|i| i.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    texts.ok_or_else(|| wanted.to_owned())
}

/// Returns the file's mode if others may read it, or its group may write it.
pub(crate) fn open_mode(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & TOO_OPEN != 0).then_some(mode)
}
