//! Listings in the styles of many servers, rendered from entries that have to come back.

use proptest::prelude::*;

use crate::http::listing::url_names::{encode, is_name};
use crate::http::listing::{Entry, Format, Kind, testing};

/// How servers write their index pages.
const STYLES: &str = include_str!("../../../../../tests/fixtures/listing/styles.txt");

/// What surrounds the rows, and the rows. See [`fill`] for the places in them.
#[derive(Debug)]
struct Style {
    name: String,
    head: String,
    /// The row that leads upwards; empty if nothing shows an empty directory.
    up: String,
    directory: String,
    file: String,
    foot: String,
    /// Whether sizes are in bytes.
    exact: bool,
    /// Whether directories can be seen from the page.
    marks: bool,
}

fn styles() -> Vec<Style> {
    let blocks = STYLES.split("\n= ").skip(1);
    blocks
        .map(|block| {
            let mut lines = block.lines();
            let mut line = || lines.next().unwrap().replace("\\n", "\n");
            let title = line();
            Style {
                exact: title.contains("| exact"),
                marks: title.contains("| marked"),
                name: title,
                head: line(),
                up: line(),
                directory: line(),
                file: line(),
                foot: line(),
            }
        })
        .collect()
}

/// A file of this size, or a directory.
type Item = (String, Option<u64>);

fn render(style: &Style, items: &[Item]) -> String {
    let rows = items.iter().map(|(name, size)| match size {
        Some(size) => fill(&style.file, name, *size),
        None => fill(&style.directory, name, 4096),
    });
    let rows: String = rows.collect();
    format!("{}{}{rows}{}", style.head, style.up, style.foot)
}

/// Puts the name and the size where the template has them: `{h}` is the reference, `{n}` the name, `{s}` the size in
/// bytes, `{r}` the size rounded, `{c}` with separators of thousands.
fn fill(template: &str, name: &str, size: u64) -> String {
    let shown = name
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    let rounded = match size {
        0..1000 => size.to_string(),
        1000..1_000_000 => format!("{}.{}", size / 1000, size % 1000 / 100),
        _ => format!("{}.{}", size / 1_000_000, size % 1_000_000 / 100_000),
    };
    // In this order, so that no name is taken for a place.
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (place, after) = after.split_once('}').unwrap();
        match place {
            "h" => text.push_str(&encode(name.as_bytes())),
            "n" => text.push_str(&shown),
            "s" => text.push_str(&size.to_string()),
            "r" => text.push_str(&rounded),
            "c" => text.push_str(&grouped(size, ",")),
            "p" => text.push_str(&grouped(size, ".")),
            "g" => text.push_str(&grouped(size, "&#8239;")),
            other => panic!("{other}"),
        }
        rest = after;
    }
    text + rest
}

fn grouped(size: u64, separator: &str) -> String {
    let digits = size.to_string();
    let head = digits.len() % 3;
    let mut groups: Vec<&str> = digits.as_bytes()[head..]
        .chunks(3)
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    if head > 0 {
        groups.insert(0, &digits[..head]);
    }
    groups.join(separator)
}

fn check(style: &Style, items: &[Item]) {
    let page = render(style, items);
    let found = testing::listing(Format::Html, page.as_bytes());
    let found = found.unwrap_or_else(|| panic!("{}: no listing: {page}", style.name));
    let names: Vec<_> = found
        .entries
        .iter()
        .map(|entry| String::from_utf8_lossy(&entry.name))
        .collect();
    let expected: Vec<_> = items.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, expected, "{}: {page}", style.name);
    for (entry, (_, size)) in found.entries.iter().zip(items) {
        check_entry(style, entry, *size, &page);
    }
    assert_eq!(found.elsewhere, 0, "{}: {page}", style.name);
}

fn check_entry(style: &Style, entry: &Entry, size: Option<u64>, page: &str) {
    let Entry {
        kind, size: found, ..
    } = entry;
    let Some(size) = size else {
        let expected = if style.marks {
            Kind::Directory
        } else {
            Kind::Unknown
        };
        assert_eq!(*kind, expected, "{}: {page}", style.name);
        assert!(found.is_none() || !style.marks, "{}: {page}", style.name);
        return;
    };
    assert_ne!(*kind, Kind::Directory, "{}: {page}", style.name);
    assert!(
        found.is_none_or(|found| found == size),
        "{}: {found:?} {page}",
        style.name
    );
    assert!(!style.exact || found.is_some(), "{}: no size: {page}", style.name);
}

fn file(name: &str, size: u64) -> Item {
    (name.to_owned(), Some(size))
}

fn directory(name: &str) -> Item {
    (name.to_owned(), None)
}

#[test]
fn every_style_is_a_listing() {
    let items = [
        directory("debian"),
        directory("13.1"),
        file("README", 6),
        file("mini.iso", 1_234_567),
        file("a b & c.img", 20_260),
        file("größe-日本語.qcow2", 12),
        file("SHA256SUMS", 0),
    ];
    for style in styles() {
        check(&style, &items);
        check(&style, &items[..1]);
        check(&style, &items[3..4]);
    }
}

#[test]
fn an_empty_directory_is_a_listing() {
    for style in styles().iter().filter(|style| !style.up.is_empty()) {
        check(style, &[]);
    }
}

#[test]
fn styles_are_many() {
    assert!(styles().len() >= 60, "{}", styles().len());
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let name = proptest::string::string_regex("[a-zA-Z0-9._ +@#%&()~,;='äß日-]{1,24}").unwrap();
    let name = name
        .prop_filter("a name", |name| is_name(name.trim().as_bytes()))
        .prop_map(|name| name.trim().to_owned());
    // What could be a year is left alone in some styles.
    let size = (0..3_000_000_u64).prop_filter("a size", |size| !(1970..2100).contains(size));
    let item = (name, proptest::option::of(size));
    proptest::collection::vec(item, 1..8).prop_map(|mut items| {
        items.sort();
        items.dedup_by(|a, b| a.0 == b.0);
        items
    })
}

proptest! {
    #[test]
    fn entries_come_back(items in items(), at in any::<proptest::sample::Index>()) {
        let styles = styles();
        check(at.get(&styles), &items);
    }
}
