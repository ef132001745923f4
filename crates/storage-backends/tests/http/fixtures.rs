//! Listings as real servers sent them: all of one tree, so that all have to say the same.

use std::path::Path;

use rstest::rstest;
use storage_backends::http::listing::{Bounds, Contents, Format, read};
use storage_domain::TemplatePatterns;
use url::Url;

const BOUNDS: Bounds = Bounds {
    entries: 1000,
    unsized_names: 1000,
};

fn fixture(name: &str) -> Contents {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/listing")
        .join(name);
    let text = std::fs::read(&path).unwrap();
    let format = match path.extension().and_then(|e| e.to_str()) {
        Some("html") => Format::Html,
        Some("json") => Format::Json,
        _ => Format::WebDav,
    };
    let page = Url::parse("http://127.0.0.1/").unwrap();
    read(format, &page, &text, true, &TemplatePatterns::default(), BOUNDS).expect("a listing")
}

/// What a page tells of sizes: how many bytes, and of how many files nothing exact.
#[rstest]
#[case("nginx/exact.html", 1_314_851, 0)]
#[case("nginx/rounded.html", 10_284, 2)]
#[case("nginx/listing.json", 1_314_851, 0)]
#[case("apache/table.html", 220, 7)]
#[case("apache/pre.html", 220, 7)]
#[case("apache/list.html", 0, 17)]
#[case("apache/dav.xml", 1_314_858, 0)]
#[case("lighttpd/page.html", 0, 17)]
#[case("lighttpd/dav.xml", 1_314_858, 0)]
#[case("caddy/page.html", 0, 17)]
#[case("caddy/listing.json", 1_314_858, 0)]
#[case("python/page.html", 0, 17)]
fn says_what_is_there(#[case] name: &str, #[case] bytes: u64, #[case] unsized_files: u64) {
    let mut found = fixture(name);
    found.directories.sort();
    // Hidden files are hidden by nginx alone.
    let hidden = u64::from(!name.starts_with("nginx"));
    assert_eq!((found.files, found.templates), (16 + hidden, 12 + hidden));
    let expected = [
        "%C3%BCn%C3%AF",
        "colon%3Adir",
        "empty",
        "per%25cent",
        "quest%3Fdir",
        "sub%20dir",
        "sub%232",
    ];
    assert_eq!(found.directories, expected);
    assert_eq!((found.bytes, found.unsized_files), (bytes, unsized_files));
    assert!(!found.cut);
}
