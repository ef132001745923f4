//! Listings as JSON: nginx's `autoindex_format json` and Caddy's `browse`.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use url::Url;

use crate::http::listing::Entry;
use crate::http::listing::url_names::{Child, Reference, reference};

/// One object of the array; nginx has `type`, Caddy `is_dir` and `url`.
#[derive(Deserialize)]
struct Item {
    name: Name,
    #[serde(rename = "type")]
    kind: Option<String>,
    is_dir: Option<bool>,
    url: Option<String>,
    size: Option<u64>,
}

/// A name in bytes: nginx copies what the file system has, UTF-8 or not.
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name(text.as_bytes().to_vec()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Name, E> {
                Ok(Name(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Hands the array's objects on one by one, so that they are never all in memory.
struct Items<'a>(&'a Url, &'a mut dyn FnMut(Entry));

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a listing: an array of objects that have a name")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Item>()? {
            if let Some(entry) = entry(self.0, item) {
                (self.1)(entry);
            }
        }
        Ok(())
    }
}

/// Reads a listing; false where the text is none, or breaks off.
pub fn read(page: &Url, text: &[u8], visit: &mut dyn FnMut(Entry)) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.deserialize_seq(Items(page, visit)).is_ok() && reader.end().is_ok()
}

fn entry(page: &Url, item: Item) -> Option<Entry> {
    let is_directory = item.is_dir.unwrap_or(item.kind.as_deref() == Some("directory"));
    let child = if let Some(href) = item.url {
        match reference(page, &href) {
            Reference::Child(child) => Child {
                is_directory,
                ..child
            },
            Reference::Around { .. } | Reference::Elsewhere => return None,
        }
    } else {
        let name = item
            .name
            .0
            .strip_suffix(b"/")
            .map(<[u8]>::to_vec)
            .unwrap_or(item.name.0);
        Child::named(name, is_directory)?
    };
    let size = item.size.filter(|_| !is_directory);
    Some(Entry { child, size })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn names(text: &[u8]) -> Option<Vec<String>> {
        let page = Url::parse("http://h/b/").unwrap();
        let mut found = Vec::new();
        let ok = read(&page, text, &mut |entry| {
            found.push(format!(
                "{}{}{:?}",
                entry.child.segment,
                if entry.child.is_directory { "/" } else { "" },
                entry.size
            ));
        });
        ok.then_some(found)
    }

    #[rstest]
    #[case::empty(b"[\n]", &[])]
    #[case::nginx(br#"[{"name":"a","type":"file","size":3},{"name":"d","type":"directory"}]"#, &["aSome(3)", "d/None"])]
    #[case::caddy(br#"[{"name":"d/","size":4096,"url":"./d/","is_dir":true},{"name":"x","url":"./x","size":1,"is_dir":false}]"#, &["d/None", "xSome(1)"])]
    #[case::no_utf8(b"[{\"name\":\"\xff\",\"type\":\"file\"}]", &["%FFNone"])]
    #[case::climbing(br#"[{"name":".."},{"name":"a/b"},{"name":"x","url":"http://other/x"}]"#, &[])]
    fn reads(#[case] text: &[u8], #[case] expected: &[&str]) {
        assert_eq!(names(text).unwrap(), expected);
    }

    #[rstest]
    #[case(b"")]
    #[case(b"{}")]
    #[case(b"[1]")]
    #[case(br#"[{"id":1}]"#)]
    #[case(br#"[{"name":"a"}"#)]
    #[case(b"[] x")]
    fn refuses(#[case] text: &[u8]) {
        assert_eq!(names(text), None);
    }
}
