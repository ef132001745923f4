//! Index pages: nginx, Apache (all its forms), lighttpd, Caddy, Python, and what looks like them.
//!
//! A page is taken for a listing where its title or heading says so ("Index of /", "Directory listing for /"), where
//! it has links that sort it and most links are children, or where all its links are children or lead upwards, there
//! is at least one child, and no words stand between them but dates, sizes and such. An ordinary page has words and
//! links to other places.

use std::cell::RefCell;

use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use url::Url;

use crate::http::listing::Entry;
use crate::http::listing::url_names::{Child, Reference, reference};

/// How the titles and headings of listings begin, in lower case.
const MARKS: [&str; 5] = [
    "index of ",
    "directory listing",
    "directory: ",
    "files within",
    "listing of ",
];
/// How much of a title, a heading and the text behind a link is looked at, in bytes.
const TEXT_BYTES: usize = 300;
/// How much text is handed to the tokenizer at once, in bytes.
const PIECE_BYTES: usize = 16 * 1024;

/// Reads a page; false where it is no listing. Entries are handed on before that is known.
pub fn read(page: &Url, text: &[u8], visit: &mut dyn FnMut(Entry)) -> bool {
    let state = State::new(page, visit);
    let tokenizer = Tokenizer::new(Sink(RefCell::new(state)), TokenizerOpts::default());
    let queue = BufferQueue::default();
    let text = String::from_utf8_lossy(text);
    let mut rest: &str = &text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        queue.push_back(StrTendril::from_slice(piece));
        let _ = tokenizer.feed(&queue);
        rest = after;
    }
    tokenizer.end();
    let mut state = tokenizer.sink.0.into_inner();
    state.flush();
    state.is_listing()
}

struct Sink<'a>(RefCell<State<'a>>);

impl TokenSink for Sink<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => return state.tag(&tag),
            Token::CharacterTokens(text) => state.text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// What the text that comes now belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Page,
    Title,
    Heading,
    Link,
    Ignored,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that was seen on the page"
)]
struct State<'a> {
    page: &'a Url,
    visit: &'a mut dyn FnMut(Entry),
    inside: Inside,
    title: String,
    heading: String,
    pending: Option<Child>,
    told_size: Option<u64>,
    tail: String,
    children: usize,
    elsewhere: usize,
    sorts: bool,
    has_pre: bool,
    has_text: bool,
    has_prose: bool,
}

impl<'a> State<'a> {
    fn new(page: &'a Url, visit: &'a mut dyn FnMut(Entry)) -> Self {
        Self {
            page,
            visit,
            inside: Inside::Page,
            title: String::new(),
            heading: String::new(),
            pending: None,
            told_size: None,
            tail: String::new(),
            children: 0,
            elsewhere: 0,
            sorts: false,
            has_pre: false,
            has_text: false,
            has_prose: false,
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let opens = tag.kind == TagKind::StartTag;
        // Cells side by side are words of their own.
        push(&mut self.tail, " ");
        let (inside, raw) = match &*tag.name {
            "title" => (Inside::Title, Some(RawKind::Rcdata)),
            "script" => (Inside::Ignored, Some(RawKind::ScriptData)),
            "textarea" => (Inside::Ignored, Some(RawKind::Rcdata)),
            "style" | "noscript" | "iframe" | "xmp" => (Inside::Ignored, Some(RawKind::Rawtext)),
            "h1" | "h2" => (Inside::Heading, None),
            "a" => (Inside::Link, None),
            _ => {
                self.other_tag(tag, opens);
                return TokenSinkResult::Continue;
            }
        };
        self.inside = if opens { inside } else { Inside::Page };
        if opens && inside == Inside::Link {
            self.link(tag);
        }
        match raw.filter(|_| opens) {
            Some(kind) => TokenSinkResult::RawData(kind),
            None => TokenSinkResult::Continue,
        }
    }

    fn other_tag(&mut self, tag: &Tag, opens: bool) {
        self.has_pre |= &*tag.name == "pre";
        if opens && self.pending.is_some() && self.told_size.is_none() {
            self.told_size = attribute(tag, "data-size").and_then(|value| value.parse().ok());
        }
    }

    fn link(&mut self, tag: &Tag) {
        let Some(href) = attribute(tag, "href") else {
            return;
        };
        match reference(self.page, href) {
            // Apache links an entry's icon and its name.
            Reference::Child(child) if self.pending.as_ref().is_some_and(|p| p.name == child.name) => {}
            Reference::Child(child) => {
                self.flush();
                self.children += 1;
                self.pending = Some(child);
            }
            Reference::Around { has_query, .. } => {
                self.flush();
                self.sorts |= has_query && (href.contains("C=") || href.contains("sort="));
            }
            Reference::Elsewhere => {
                self.flush();
                self.elsewhere += 1;
            }
        }
    }

    fn text(&mut self, text: &str) {
        match self.inside {
            Inside::Title => push(&mut self.title, text),
            Inside::Heading => push(&mut self.heading, text),
            Inside::Page if self.pending.is_some() => push(&mut self.tail, text),
            Inside::Page | Inside::Link | Inside::Ignored => {}
        }
        self.has_prose |= self.inside == Inside::Page && text.split_whitespace().any(is_prose);
        let shown = !matches!(self.inside, Inside::Title | Inside::Ignored);
        self.has_text |= shown && !text.trim().is_empty();
    }

    /// Hands on the entry whose size was looked for.
    fn flush(&mut self) {
        let size = self.told_size.take().or_else(|| exact_size(&self.tail));
        self.tail.clear();
        if let Some(child) = self.pending.take() {
            let size = size.filter(|_| !child.is_directory);
            (self.visit)(Entry { child, size });
        }
    }

    fn is_listing(&self) -> bool {
        let marked = [&self.title, &self.heading].into_iter().any(|text| {
            let text = text.trim_start().to_ascii_lowercase();
            MARKS.iter().any(|mark| text.starts_with(mark))
        });
        let sorted = self.sorts && self.children >= self.elsewhere;
        let only_children = self.children > 0 && self.elsewhere == 0 && !self.has_prose;
        // Go's file server shows an empty directory as an empty <pre>.
        let empty = self.has_pre && !self.has_text && self.elsewhere == 0;
        marked || sorted || only_children || empty
    }
}

fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
    found.map(|attribute| &*attribute.value)
}

fn push(to: &mut String, text: &str) {
    let room = TEXT_BYTES.saturating_sub(to.len());
    to.push_str(&text[..text.floor_char_boundary(room)]);
}

/// The size behind a date and a time, where it is a plain number: `22-Nov-2026 19:43   1234567` (nginx) and
/// `2026-11-22 19:43  123` (Apache) are exact, `1.2M`, `68K` and lighttpd's `0.1K` are not.
fn exact_size(tail: &str) -> Option<u64> {
    let words: Vec<&str> = tail.split_whitespace().collect();
    let at = words.windows(3).find(|w| is_date(w[0]) && is_time(w[1]))?;
    at[2]
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| at[2].parse().ok())?
}

/// Whether a word is more than a month, a unit or a mark such as `<dir>`.
fn is_prose(word: &str) -> bool {
    word.len() > 3 && word.chars().all(char::is_alphabetic)
}

fn is_date(word: &str) -> bool {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain && (10..=11).contains(&word.len()) && word.matches('-').count() == 2
}

fn is_time(word: &str) -> bool {
    word.contains(':') && word.bytes().all(|b| b.is_ascii_digit() || b == b':')
}

#[cfg(test)]
mod tests;
