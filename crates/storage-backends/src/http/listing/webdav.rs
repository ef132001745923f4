//! Listings as WebDAV gives them: the answer to PROPFIND with `Depth: 1` (RFC 4918, section 9.1).

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use time::OffsetDateTime;

use crate::http::listing::url_names::{Directory, is_name};
use crate::http::listing::{Collector, Entry, Kind, date};

/// What is asked for: the properties that a listing needs.
pub(crate) const REQUEST: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/></D:prop></D:propfind>"#
);

/// The element whose text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Href,
    Length,
    Modified,
}

/// One `response` element.
#[derive(Debug, Default)]
struct Response {
    href: String,
    length: String,
    modified: String,
    is_collection: bool,
}

/// A member, or the collection itself.
#[derive(Debug)]
struct Member {
    /// As the server writes it: the segments of its path take many times the memory.
    href: String,
    kind: Kind,
    size: Option<u64>,
    modified: Option<OffsetDateTime>,
}

impl Member {
    /// Returns the segments of its path, decoded. What can't be resolved is nowhere.
    fn path(&self, page: &Directory) -> Vec<Vec<u8>> {
        let path = page.path_of(self.href.as_bytes());
        path.unwrap_or_else(|| vec![Vec::new(); 2])
    }
}

/// Reads a multistatus; false if the text is not one, or breaks off. Namespaces are not looked at: the names of the
/// elements are enough, and servers choose the prefixes.
pub(super) fn read(page: &Directory, text: &[u8], to: &mut Collector<'_>) -> bool {
    let mut reader = Reader::from_reader(text);
    let mut state = State::default();
    let complete = loop {
        match reader.read_event() {
            Ok(Event::Eof) => break state.complete,
            Ok(event) => state.take(&event),
            Err(_) => break false,
        }
        // A server that ignores `Depth` may list all that it has.
        if state.members.len() > to.bounds.max_entries {
            to.listing.cut = true;
            break true;
        }
    };
    let own = collection(page, &state.members);
    for member in state.members {
        let path = member.path(page);
        match path.split_last() {
            _ if path == own => {}
            Some((name, above)) if above == own && is_name(name) => {
                let entry = Entry {
                    name: name.clone(),
                    kind: member.kind,
                    size: member.size,
                    modified: member.modified,
                };
                to.add(entry, ());
            }
            last => to.elsewhere(&String::from_utf8_lossy(last.map_or(&[], |(name, _)| name))),
        }
    }
    complete
}

/// Returns the path that the server itself has for the collection. Behind a proxy it may have another prefix.
fn collection(page: &Directory, members: &[Member]) -> Vec<Vec<u8>> {
    let here = page.path();
    let paths = || members.iter().map(|member| member.path(page));
    let is_ours = |path: Vec<Vec<u8>>| match path.split_last() {
        Some((_, above)) => path == here || above == here,
        None => here.is_empty(),
    };
    let first = members.iter().min_by_key(|member| member.path(page).len());
    let first = first.filter(|first| first.kind == Kind::Directory && !paths().all(is_ours));
    let own = first.map(|first| first.path(page));
    own.filter(|own| paths().all(|path| path.starts_with(own)))
        .unwrap_or_else(|| here.to_vec())
}

#[derive(Debug, Default)]
struct State {
    in_multistatus: bool,
    complete: bool,
    response: Option<Response>,
    field: Option<Field>,
    members: Vec<Member>,
}

impl State {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(tag) => self.open(tag.local_name().as_ref()),
            Event::Empty(tag) => {
                self.open(tag.local_name().as_ref());
                self.field = None;
            }
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(found)) => self.text(found.encode_utf8(&mut [0; 4])),
                _ => self.text(resolve_predefined_entity(name).unwrap_or_default()),
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                "multistatus" => self.complete = self.in_multistatus,
                "response" => {
                    let response = self.response.take();
                    self.members.extend(response.map(|response| member(&response)));
                }
                _ => self.field = None,
            },
            _ => {}
        }
    }

    fn open(&mut self, name: &str) {
        match name {
            "multistatus" => self.in_multistatus = true,
            "response" if self.in_multistatus => self.response = Some(Response::default()),
            _ => {}
        }
        let Some(response) = &mut self.response else {
            return;
        };
        match name {
            "href" if response.href.is_empty() => self.field = Some(Field::Href),
            "getcontentlength" => self.field = Some(Field::Length),
            "getlastmodified" => self.field = Some(Field::Modified),
            "collection" => response.is_collection = true,
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let Some(response) = &mut self.response else {
            return;
        };
        match self.field {
            Some(Field::Href) => response.href.push_str(text),
            Some(Field::Length) => response.length.push_str(text),
            Some(Field::Modified) => response.modified.push_str(text),
            None => {}
        }
    }
}

fn member(response: &Response) -> Member {
    let href = response.href.trim();
    let kind = if response.is_collection || href.ends_with('/') {
        Kind::Directory
    } else {
        Kind::File
    };
    let size = response.length.trim().parse().ok();
    Member {
        size: size.filter(|_| kind == Kind::File),
        modified: date(&response.modified),
        href: href.to_owned(),
        kind,
    }
}

#[cfg(test)]
mod tests;
