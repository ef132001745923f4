//! Listings as XML: nginx's `autoindex_format xml`.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::http::listing::url_names::is_name;
use crate::http::listing::{Collector, Entry, Kind, date};

/// The element that is being read: `file`, `directory` or another kind, named by its text.
struct Item {
    kind: Kind,
    name: Vec<u8>,
    size: Option<u64>,
    mtime: Option<String>,
}

/// Reads a listing; false if the text is not one, or breaks off.
pub(super) fn read(text: &[u8], to: &mut Collector<'_>) -> bool {
    let mut reader = Reader::from_reader(text);
    let mut item: Option<Item> = None;
    let mut complete = false;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => return complete,
            Event::Start(tag) => item = Item::of(&tag),
            Event::Text(text) => push(&mut item, &text),
            Event::CData(text) => push(&mut item, &text),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(found)) => push(&mut item, found.encode_utf8(&mut [0; 4])),
                _ => push(&mut item, resolve_predefined_entity(&name).unwrap_or_default()),
            },
            Event::End(tag) => {
                complete = tag.local_name().as_ref() == "list";
                if let Some(Item {
                    kind,
                    name,
                    size,
                    mtime,
                }) = item.take()
                {
                    if is_name(&name) {
                        let entry = Entry {
                            name,
                            kind,
                            size,
                            modified: mtime.as_deref().and_then(date),
                        };
                        to.add(entry, mtime);
                    } else {
                        to.elsewhere(&String::from_utf8_lossy(&name));
                    }
                }
            }
            _ => {}
        }
    }
    false
}

impl Item {
    fn of(tag: &BytesStart<'_>) -> Option<Self> {
        let kind = match tag.local_name().as_ref() {
            "directory" => Kind::Directory,
            "file" => Kind::File,
            _ => return None,
        };
        let attribute = |name: &str| {
            let found = tag.try_get_attribute(name).ok()??;
            Some(found.value.to_string())
        };
        let size = attribute("size").and_then(|size| size.parse().ok());
        Some(Self {
            kind,
            name: Vec::new(),
            size: size.filter(|_| kind == Kind::File),
            mtime: attribute("mtime"),
        })
    }
}

fn push(item: &mut Option<Item>, text: &str) {
    if let Some(item) = item {
        item.name.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::http::listing::{Format, testing};

    #[rstest]
    #[case::nginx("<?xml version=\"1.0\"?>\n<list>\n<directory mtime=\"2026-11-22T19:43:00Z\">d</directory>\n<file mtime=\"2026-11-22T19:43:00Z\" size=\"7\">a&amp;b</file>\n</list>", &["d/", "a&b 7"])]
    #[case::empty("<list>\n</list>", &[])]
    #[case::climbing("<list><file size='1'>..</file><file size='1'>a/b</file></list>", &["2 elsewhere"])]
    fn reads(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(testing::names(Format::Xml, text.as_bytes()).unwrap(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("<list>")]
    #[case("<list><file>a</list>")]
    #[case("<lists></lists>")]
    fn refuses(#[case] text: &str) {
        assert_eq!(testing::names(Format::Xml, text.as_bytes()), None);
    }
}
