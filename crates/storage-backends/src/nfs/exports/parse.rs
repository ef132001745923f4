//! The parser of `showmount --no-headers -e`.
//!
//! The format has no quoting: a path, blanks that pad it to the longest path's length, one more blank, and the
//! clients with commas between them. Paths come from the server as they are, with blanks, control characters, line
//! breaks and bytes that are not UTF-8, so that a hostile server can forge any line: what is read here is a hint for
//! an operator and never decides what is mounted.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use storage_domain::ExportPath;

use super::columns::Columns;
use super::list::{Export, ExportList};

/// How many exports are kept.
pub const MAX_LINES: usize = 10_000;
/// How long one line may be, in bytes; a longer one is left out. Paths have at most 1024 bytes (RFC 1813, appendix I).
const MAX_LINE_BYTES: usize = 64 * 1024;
/// How many bytes of clients one export may have, however many lines name it; what comes after them is left out.
const MAX_CLIENTS_BYTES: usize = MAX_LINE_BYTES;

/// The clients of an export that everybody may mount.
const EVERYBODY: [&str; 2] = ["*", "(everyone)"];

/// Reads what showmount printed, without lines that don't begin with a slash and paths that can't be mounted.
///
/// Takes time and memory in proportion to what was printed, whatever it is: it runs on a thread that others need.
pub fn parse(printed: &[u8]) -> ExportList {
    let mut truncated = false;
    let mut gathered: Vec<Gathered> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let lines = || {
        let lines = printed
            .split(|&b| b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        lines.filter(|line| line.starts_with(b"/") && line.len() <= MAX_LINE_BYTES)
    };
    let columns = Columns::of(lines());
    for export in lines().filter_map(|line| read_line(line, &columns)) {
        match known.entry(export.path.normalized()) {
            Entry::Occupied(at) => gathered[*at.get()].merge(export),
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

fn read_line(line: &[u8], columns: &Columns) -> Option<Export> {
    let Some(at) = columns.likeliest.filter(|&at| at <= line.len()) else {
        return read_alone(line);
    };
    let (path, clients) = split(line, at)?;
    let others = columns.others.iter().filter_map(|&at| split(line, at));
    // Those that stand for everybody stand alone.
    let is_one = |clients: &str| {
        !EVERYBODY
            .iter()
            .any(|all| clients.ends_with(all) && clients != *all)
    };
    let mut readings: Vec<_> = others.filter(|(_, clients)| is_one(clients)).collect();
    readings.extend(whole(line, &clients));
    Some(Export {
        path,
        clients,
        readings,
    })
}

/// Reads a line that has no column in common with the others: the clients follow the last blank.
fn read_alone(line: &[u8]) -> Option<Export> {
    let is_blank = |b: &u8| *b == b' ' || *b == b'\t';
    let last = line.iter().rposition(is_blank);
    let (path, clients) = split(line, last.map_or(line.len(), |last| last + 1))?;
    Some(Export {
        readings: whole(line, &clients).into_iter().collect(),
        path,
        clients,
    })
}

/// Reads the whole line as a path, unless its end can't be one: the server may have printed no clients.
fn whole(line: &[u8], clients: &str) -> Option<(ExportPath, String)> {
    if clients.is_empty() || EVERYBODY.contains(&clients) {
        return None;
    }
    split(line, line.len())
}

fn split(line: &[u8], at: usize) -> Option<(ExportPath, String)> {
    let (path, clients) = line.split_at_checked(at)?;
    let path = String::from_utf8_lossy(path);
    let path = printable(path.trim_end_matches([' ', '\t'])).parse().ok()?;
    Some((path, printable(&String::from_utf8_lossy(clients))))
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

    /// Adds a further line for the same path: it may be another path's, read in another way.
    fn merge(&mut self, line: Export) {
        let room = MAX_LINES.saturating_sub(self.export.readings.len());
        self.export.readings.extend(line.readings.into_iter().take(room));
        self.add(&line.clients);
    }

    /// Adds clients. Which of them are there already is looked for only when as many bytes were added as may be kept:
    /// looking costs no more than reading them did.
    fn add(&mut self, clients: &str) {
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
