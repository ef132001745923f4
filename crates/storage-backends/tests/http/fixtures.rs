//! Listings as real servers sent them: all of one tree, so that all have to say the same.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rstest::rstest;
use storage_backends::http::listing::{Bounds, Directory, Format, Found, Kind, Listing, read};
use storage_domain::TemplatePatterns;
use url::Url;

fn fixture(name: &str) -> Listing {
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
    let bounds = Bounds {
        complete: true,
        max_entries: 1000,
        cancelled: &AtomicBool::new(false),
    };
    match read(format, Directory::of(page).unwrap(), &text, bounds) {
        Found::Listing(listing) => listing,
        other => panic!("{other:?}"),
    }
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
fn says_what_is_there(#[case] name: &str, #[case] bytes: u64, #[case] unsized_files: usize) {
    let found = fixture(name);
    let (others, files): (Vec<_>, Vec<_>) = found
        .entries
        .iter()
        .partition(|entry| entry.kind == Kind::Directory);
    let templates = TemplatePatterns::default();
    let images = files.iter().filter(|file| templates.matches(&file.name));
    // Hidden files are hidden by nginx alone.
    let hidden = usize::from(!name.starts_with("nginx"));
    assert_eq!((files.len(), images.count()), (16 + hidden, 12 + hidden));
    let mut directories: Vec<_> = others
        .iter()
        .map(|entry| String::from_utf8_lossy(&entry.name))
        .collect();
    directories.sort();
    let expected = [
        "colon:dir",
        "empty",
        "per%cent",
        "quest?dir",
        "sub dir",
        "sub#2",
        "ünï",
    ];
    assert_eq!(directories, expected);
    let sizes: Vec<u64> = files.iter().filter_map(|file| file.size).collect();
    assert_eq!(
        (sizes.iter().sum(), files.len() - sizes.len()),
        (bytes, unsized_files)
    );
    assert!(!found.cut);
}
