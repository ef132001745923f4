//! The parser of `showmount --no-headers -e`.
//!
//! The format has no quoting: a path, blanks that pad it to the longest path's length, one more blank, and the
//! clients with commas between them. Paths come from the server as they are, with blanks, control characters, line
//! breaks and bytes that are no UTF-8, so that a hostile server can forge any line: what is read here is a hint for
//! an operator and never decides what is mounted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use storage_domain::ExportPath;

use super::list::{Export, ExportList};

/// How many exports are kept.
pub const MAX_LINES: usize = 10_000;
/// How long one line may be, in bytes; a longer one is left out. Paths have at most 1024 bytes (RFC 1813, appendix I).
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Reads what showmount printed. Lines that don't begin with a slash, and paths that can't be mounted, are left out.
pub fn parse(printed: &[u8]) -> ExportList {
    let mut list = ExportList::default();
    let mut known: HashMap<String, usize> = HashMap::new();
    let lines = printed.split(|&b| b == b'\n');
    for export in lines.filter(|l| l.len() <= MAX_LINE_BYTES).filter_map(line) {
        let index = list.exports.len();
        match known.entry(export.path.normalized()) {
            Entry::Occupied(at) => merge(&mut list.exports[*at.get()], &export),
            Entry::Vacant(_) if index == MAX_LINES => {
                list.truncated = true;
                break;
            }
            Entry::Vacant(at) => {
                at.insert(index);
                list.exports.push(export);
            }
        }
    }
    list
}

fn line(bytes: &[u8]) -> Option<Export> {
    if !bytes.starts_with(b"/") {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\r');
    let blank = |c: char| c == ' ' || c == '\t';
    // Padding with nothing after it: the server names no clients at all, as QNAP's do.
    let trimmed = text.trim_end_matches(blank);
    let columns = if trimmed.len() < text.len() {
        None
    } else {
        trimmed.rsplit_once(blank)
    };
    let Some((path, clients)) = columns else {
        return Some(Export {
            path: path(trimmed)?,
            clients: String::new(),
            whole: None,
        });
    };
    let says_who = clients == "*" || clients == "(everyone)";
    Some(Export {
        path: self::path(path.trim_end_matches(blank))?,
        clients: printable(clients),
        whole: (!says_who).then(|| self::path(trimmed)).flatten(),
    })
}

fn path(text: &str) -> Option<ExportPath> {
    printable(text).parse().ok()
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Adds the clients of a second line for the same path.
fn merge(export: &mut Export, other: &Export) {
    let listed = |client: &str| export.clients.split(',').any(|c| c == client);
    let new: Vec<_> = other
        .clients
        .split(',')
        .filter(|c| !c.is_empty() && !listed(c))
        .collect();
    let added = new.join(",");
    if export.clients.len() + added.len() > MAX_LINE_BYTES || added.is_empty() {
        return;
    }
    if !export.clients.is_empty() {
        export.clients.push(',');
    }
    export.clients.push_str(&added);
}
