//! Compares the text of a link with the name of what it leads to.

use crate::http::listing::html::words::CELL;

/// The narrowest column of names, in characters.
const COLUMN: usize = 16;

/// The text of a link that bears its target's name.
#[derive(Debug)]
pub(super) struct Label {
    /// A mark behind the name: a slash for directories, `@` for symbolic links.
    pub(super) mark: Option<char>,
    /// The text behind the name.
    pub(super) rest: String,
}

impl Label {
    /// Returns `None` if the text is another one.
    pub(super) fn of(label: &str, name: &[u8]) -> Option<Self> {
        let name = squeezed(&String::from_utf8_lossy(name));
        if name.is_empty() {
            return None;
        }
        let chunks: Vec<String> = label
            .split(CELL)
            .map(squeezed)
            .filter(|chunk| !chunk.is_empty())
            .collect();
        let all = chunks.concat();
        let at = chunks.iter().position(|chunk| bears(chunk, &name).is_some());
        match at {
            Some(at) => {
                let rest = chunks[at + 1..].join(CELL.encode_utf8(&mut [0; 4]));
                bears(&chunks[at], &name).map(|(mark, more)| Self {
                    mark,
                    rest: format!("{more}{CELL}{rest}"),
                })
            }
            None => bears(&all, &name).map(|(mark, rest)| Self {
                mark,
                rest: rest.to_owned(),
            }),
        }
    }
}

/// Returns the mark behind the name and the text behind both, if a text bears the name, whole or cut short.
fn bears<'a>(text: &'a str, name: &str) -> Option<(Option<char>, &'a str)> {
    // An icon that is a character stands before the name.
    let text = match text.split_once(' ') {
        Some((icon, rest)) if !text.starts_with(name) && !icon.contains(|c: char| c.is_alphanumeric()) => {
            rest
        }
        _ => text,
    };
    if let Some(rest) = text.strip_prefix(name) {
        let mark = rest.chars().next().filter(|c| matches!(c, '/' | '@' | '*'));
        let behind = rest.trim_start_matches(['/', '@', '*']);
        let is_whole = behind.is_empty()
            || behind.starts_with(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '-' | '.'));
        return is_whole.then_some((mark, behind));
    }
    // A label may be a path.
    let path = text.trim_end_matches('/');
    if path.rsplit_once('/').is_some_and(|(_, last)| last == name) {
        return Some((text.ends_with('/').then_some('/'), ""));
    }
    // Some servers cut names at the width of the column, and do not say so.
    if text.chars().count() >= COLUMN && name.starts_with(text) {
        return Some((None, ""));
    }
    for ellipsis in ["..>", "...", "…", ".."] {
        if let Some((head, tail)) = text.split_once(ellipsis)
            && head.len() >= 3
            && name.starts_with(head.trim_end())
            && name.ends_with(tail.trim_end_matches(['/', '>']))
        {
            return Some((tail.ends_with('/').then_some('/'), ""));
        }
    }
    None
}

/// Returns a text with every run of white space as one space.
pub(super) fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
