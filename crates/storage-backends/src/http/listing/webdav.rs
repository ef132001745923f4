//! Listings as WebDAV gives them: the answer to PROPFIND with `Depth: 1` (RFC 4918, section 9.1).

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use url::Url;

use crate::http::listing::Entry;
use crate::http::listing::url_names::{Reference, reference};

/// What is asked for: two properties are all that a listing needs.
pub(crate) const REQUEST: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/></D:prop></D:propfind>"#
);

/// The element whose text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Href,
    Length,
}

/// The `response` element that is being read.
#[derive(Debug, Default)]
struct Response {
    href: String,
    length: String,
    is_collection: bool,
}

/// Reads a multistatus; false where the text is none, or breaks off. Namespaces are not looked at: the names of the
/// elements are enough, and servers choose the prefixes.
pub fn read(page: &Url, text: &[u8], visit: &mut dyn FnMut(Entry)) -> bool {
    let mut reader = Reader::from_reader(text);
    let mut state = State::default();
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return state.complete,
            Ok(event) => state.take(&event, page, visit),
            Err(_) => return false,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    in_multistatus: bool,
    complete: bool,
    response: Option<Response>,
    field: Option<Field>,
}

impl State {
    fn take(&mut self, event: &Event<'_>, page: &Url, visit: &mut dyn FnMut(Entry)) {
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
                    let entry = self.response.take().and_then(|response| entry(page, &response));
                    if let Some(entry) = entry {
                        visit(entry);
                    }
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
            None => {}
        }
    }
}

fn entry(page: &Url, response: &Response) -> Option<Entry> {
    let Reference::Child(mut child) = reference(page, response.href.trim()) else {
        return None;
    };
    child.is_directory |= response.is_collection;
    let size = response
        .length
        .trim()
        .parse()
        .ok()
        .filter(|_| !child.is_directory);
    Some(Entry { child, size })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        let page = Url::parse("http://h/b/").unwrap();
        let mut found = Vec::new();
        let ok = read(&page, text.as_bytes(), &mut |entry| {
            let slash = if entry.child.is_directory { "/" } else { "" };
            found.push(format!("{}{slash} {:?}", entry.child.segment, entry.size));
        });
        ok.then_some(found)
    }

    #[rstest]
    #[case::other_prefixes("<multistatus xmlns='DAV:'><response><href>/b/x</href><getcontentlength> 7 </getcontentlength></response></multistatus>", &["x Some(7)"])]
    #[case::collection_without_slash("<d:multistatus><d:response><d:href>/b/s</d:href><d:collection/></d:response></d:multistatus>", &["s/ None"])]
    #[case::entities("<multistatus><response><href>/b/a&amp;b&#x21;</href></response></multistatus>", &["a%26b%21 None"])]
    #[case::cdata("<multistatus><response><href><![CDATA[/b/c]]></href></response></multistatus>", &["c None"])]
    #[case::climbing("<multistatus><response><href>/b/</href></response><response><href>/etc/x</href></response></multistatus>", &[])]
    fn reads(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(names(text).unwrap(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("<html></html>")]
    #[case("<multistatus><response>")]
    #[case("<multistatus></response></multistatus>")]
    fn refuses(#[case] text: &str) {
        assert_eq!(names(text), None);
    }
}
