//! Listings as JSON: nginx's `autoindex_format json` and Caddy's `browse`.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use crate::http::listing::url_names::{Directory, Reference, is_name};
use crate::http::listing::{Collector, Entry, Kind, date};

/// One object of the array; nginx has `type` and `mtime`, Caddy the others.
#[derive(Deserialize)]
struct Item {
    name: Name,
    #[serde(rename = "type")]
    kind: Option<String>,
    is_dir: Option<bool>,
    is_symlink: Option<bool>,
    url: Option<String>,
    size: Option<Value>,
    #[serde(alias = "mod_time")]
    mtime: Option<Value>,
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

impl Item {
    /// Returns what the entry is; `None` if the object is not one of a known listing.
    fn kind(&self) -> Option<Kind> {
        // What is read by a link's name is its target, which may be a directory too.
        let is_link = self.is_symlink == Some(true);
        match (self.is_dir, self.kind.as_deref()) {
            (Some(true), _) | (None, Some("directory")) => Some(Kind::Directory),
            (Some(false), _) if is_link => Some(Kind::Unknown),
            (Some(false), _) | (None, Some("file")) => Some(Kind::File),
            (None, Some("symlink" | "other")) => Some(Kind::Unknown),
            (None, _) => None,
        }
    }

    fn entry(self, page: &Directory, kind: Kind) -> Option<Entry> {
        let name = match &self.url {
            Some(href) => match page.reference(href.as_bytes()) {
                Reference::Child { name, .. } => name,
                _ => return None,
            },
            None => self.name.0.strip_suffix(b"/").unwrap_or(&self.name.0).to_vec(),
        };
        let size = self
            .size
            .filter(|_| kind == Kind::File)
            .and_then(|size| size.as_u64());
        let modified = self.mtime.as_ref().and_then(Value::as_str).and_then(date);
        is_name(&name).then_some(Entry {
            name,
            kind,
            size,
            modified,
        })
    }
}

/// Hands the array's objects on one by one, so that they are never all in memory.
struct Items<'a, 'b>(&'a Directory, &'a mut Collector<'b>);

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a listing: an array of objects that have a name and a type")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Item>()? {
            let kind = item.kind();
            let kind = kind.ok_or_else(|| de::Error::missing_field("type"))?;
            let mtime = item.mtime.clone();
            let shown = String::from_utf8_lossy(&item.name.0).into_owned();
            match item.entry(self.0, kind) {
                Some(entry) => {
                    self.1.add(entry, mtime);
                }
                None => self.1.elsewhere(&shown),
            }
        }
        Ok(())
    }
}

/// Reads a listing; false if the text is not one, or breaks off.
pub(super) fn read(page: &Directory, text: &[u8], to: &mut Collector<'_>) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.deserialize_seq(Items(page, to)).is_ok() && reader.end().is_ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::http::listing::{Format, testing};

    #[rstest]
    #[case::empty(b"[\n]", &[])]
    #[case::nginx(br#"[{"name":"a","type":"file","size":3},{"name":"d","type":"directory"}]"#, &["a 3", "d/"])]
    #[case::caddy(br#"[{"name":"d/","size":4096,"url":"./d/","is_dir":true},{"name":"x","url":"./x","size":1,"is_dir":false}]"#, &["d/", "x 1"])]
    #[case::caddy_link(br#"[{"name":"x","url":"./x","size":13,"is_dir":false,"is_symlink":true}]"#, &["x?"])]
    #[case::caddy_link_to_a_directory(br#"[{"name":"x/","url":"./x/","size":13,"is_dir":true,"is_symlink":true}]"#, &["x/"])]
    #[case::no_utf8(b"[{\"name\":\"\xff\",\"type\":\"file\"}]", &["\u{fffd}"])]
    #[case::other_types(br#"[{"name":"a","type":"file","size":"7 MB","mtime":1764100000},{"name":"b","type":"file","size":-1}]"#, &["a", "b"])]
    #[case::byte_order_mark(b"\xEF\xBB\xBF[]", &[])]
    #[case::climbing(br#"[{"name":"..","type":"file"},{"name":"a/b","type":"file"},{"name":"x","url":"http://other/x","is_dir":false}]"#, &["3 elsewhere"])]
    fn reads(#[case] text: &[u8], #[case] expected: &[&str]) {
        assert_eq!(testing::names(Format::Json, text).unwrap(), expected);
    }

    #[rstest]
    #[case(b"")]
    #[case(b"{}")]
    #[case(b"[1]")]
    #[case(br#"[{"id":1}]"#)]
    #[case(br#"[{"name":"a"}"#)]
    #[case::no_type(br#"[{"name":"a"}]"#)]
    #[case::other_types(br#"[{"name":"a","type":"iso"}]"#)]
    #[case(b"[] x")]
    fn refuses(#[case] text: &[u8]) {
        assert_eq!(testing::names(Format::Json, text), None);
    }
}
