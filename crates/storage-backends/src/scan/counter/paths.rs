//! Paths as bytes, and as people read them.

/// Longest path in a report, in bytes.
const MAX_SHOWN_BYTES: usize = 1024;

/// Returns the last name of a path.
pub(super) fn last_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// Returns a path for a person to read, no more than its beginning if it is long.
pub(super) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(&path[..path.len().min(MAX_SHOWN_BYTES)]);
    let printable = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    let mut shown: String = text.chars().map(printable).collect();
    if path.len() > MAX_SHOWN_BYTES {
        shown.push('…');
    }
    shown
}
