//! What holds for every entry, whatever a listing says: it is a direct child of the page.

use std::sync::atomic::AtomicBool;

use storage_backends::http::listing::url_names::{MAX_NAME_BYTES, encode};
use storage_backends::http::listing::{Bounds, Directory, Entry, Format, Found, Kind, read};
use url::Url;

/// Reads a text as a listing of this format, and checks what it gives.
pub fn check(format: Format, text: &[u8]) {
    let page = Url::parse("http://boot.lab/images/os/").expect("a URL");
    let directory = Directory::of(page.clone()).expect("a short path");
    let bounds = Bounds {
        complete: true,
        max_entries: 1000,
        cancelled: &AtomicBool::new(false),
    };
    if let Found::Listing(listing) = read(format, directory, text, bounds) {
        assert!(listing.entries.len() <= bounds.max_entries);
        listing.entries.iter().for_each(|entry| check_entry(&page, entry));
    }
}

fn check_entry(page: &Url, entry: &Entry) {
    let name = &entry.name;
    assert!(!name.is_empty() && name != b"." && name != b".." && name.len() <= MAX_NAME_BYTES);
    assert!(!name.iter().any(|b| matches!(b, b'/' | 0)));
    // The name as a segment stays below the page.
    let segment = encode(name);
    let target = page.join(&format!("./{segment}")).expect("a segment");
    assert_eq!(target.path(), format!("{}{segment}", page.path()));
    assert!(target.query().is_none() && target.fragment().is_none());
    assert!(entry.size.is_none() || entry.kind != Kind::Directory);
}
