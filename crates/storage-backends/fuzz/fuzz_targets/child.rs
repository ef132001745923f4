//! What holds for every entry, whatever a listing says: it is a direct child of the page.

use storage_backends::http::listing::Entry;
use url::Url;

pub fn page() -> Url {
    Url::parse("http://boot.lab/images/os/").expect("a URL")
}

pub fn check(page: &Url, entry: &Entry) {
    let child = &entry.child;
    assert!(!child.name.is_empty() && child.name != b"." && child.name != b"..");
    assert!(!child.name.iter().any(|b| matches!(b, b'/' | 0)));
    // The segment is the name, and stays below the page.
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(&child.segment).collect();
    assert_eq!(decoded, child.name);
    let target = page.join(&format!("./{}", child.segment)).expect("a segment");
    assert_eq!(target.path(), format!("{}{}", page.path(), child.segment));
    assert!(target.query().is_none() && target.fragment().is_none());
    assert!(entry.size.is_none() || !child.is_directory);
}
