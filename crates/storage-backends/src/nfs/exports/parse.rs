//! The parser of `showmount --no-headers -e`.
//!
//! The format has no quoting: a path, blanks that pad it to the longest path's length, one more blank, and the
//! clients with commas between them. Paths come from the server as they are, with blanks, control characters, line
//! breaks and bytes that are no UTF-8, so that a hostile server can forge any line: what is read here is a hint for
//! an operator and never decides what is mounted.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use storage_domain::ExportPath;

use super::list::{Export, ExportList};

/// How many exports are kept.
pub const MAX_LINES: usize = 10_000;
/// How long one line may be, in bytes; a longer one is left out. Paths have at most 1024 bytes (RFC 1813, appendix I).
const MAX_LINE_BYTES: usize = 64 * 1024;
/// How many bytes of clients one export may have, however many lines name it; what comes after them is left out.
const MAX_CLIENTS_BYTES: usize = MAX_LINE_BYTES;

/// Reads what showmount printed. Lines that don't begin with a slash, and paths that can't be mounted, are left out.
///
/// Takes time and memory in proportion to what was printed, whatever it is: it runs on a thread that others need.
pub fn parse(printed: &[u8]) -> ExportList {
    let mut truncated = false;
    let mut gathered: Vec<Gathered> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let lines = printed.split(|&b| b == b'\n');
    for export in lines.filter(|l| l.len() <= MAX_LINE_BYTES).filter_map(line) {
        match known.entry(export.path.normalized()) {
            Entry::Occupied(at) => gathered[*at.get()].merge(&export.clients),
            Entry::Vacant(_) if gathered.len() == MAX_LINES => {
                truncated = true;
                break;
            }
            Entry::Vacant(at) => {
                at.insert(gathered.len());
                gathered.push(Gathered::new(export));
            }
        }
    }
    ExportList {
        exports: gathered.into_iter().map(Gathered::finish).collect(),
        truncated,
    }
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

/// An export whose lines are still being read.
struct Gathered {
    export: Export,
    /// Whether clients were added that may be named twice.
    untidy: bool,
    /// Whether its clients take all the room that they may.
    full: bool,
}

impl Gathered {
    fn new(export: Export) -> Self {
        Self {
            export,
            untidy: false,
            full: false,
        }
    }

    /// Adds the clients of a further line for the same path. Which of them are there already is looked for only when
    /// as many bytes were added as may be kept: looking costs no more than reading them did.
    fn merge(&mut self, clients: &str) {
        if self.full || clients.is_empty() {
            return;
        }
        let all = &mut self.export.clients;
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(clients);
        self.untidy = true;
        if all.len() > 2 * MAX_CLIENTS_BYTES {
            self.tidy();
        }
    }

    /// Keeps each client once, in the order in which they were named, and no more than there is room for.
    fn tidy(&mut self) {
        let all = std::mem::take(&mut self.export.clients);
        let kept = &mut self.export.clients;
        let mut seen = HashSet::new();
        for client in all.split(',').filter(|c| !c.is_empty()) {
            if !seen.insert(client) {
                continue;
            }
            if kept.len() + client.len() >= MAX_CLIENTS_BYTES {
                self.full = true;
                break;
            }
            if !kept.is_empty() {
                kept.push(',');
            }
            kept.push_str(client);
        }
        self.untidy = false;
    }

    fn finish(mut self) -> Export {
        if self.untidy {
            self.tidy();
        }
        self.export
    }
}
