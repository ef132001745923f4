use proptest::prelude::*;
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
#[case::nginx_empty("<title>Index of /b/</title><h1>Index of /b/</h1><pre><a href=\"../\">../</a>\n</pre>", &[])]
#[case::upper_case("<TITLE>Index of /</TITLE><A HREF='X.ISO'>x</A> 22-Nov-2026 19:43 7", &["X.ISO Some(7)"])]
#[case::unquoted("<a href=x>x</a>", &["x None"])]
#[case::entities("<a href='a&amp;b&#33;'>x</a>", &["a%26b%21 None"])]
#[case::icon_and_name("<a href=x><img></a> <a href=x>x</a> 2026-11-22 19:43 9", &["x Some(9)"])]
#[case::rounded("<a href=x>x</a> 2026-11-22 19:43 1.0K", &["x None"])]
#[case::data_size("<a href=x>x</a><td data-size=12>12 B</td>", &["x Some(12)"])]
#[case::no_date("<a href=x>x</a> 12", &["x None"])]
#[case::go_empty("<!doctype html>\n<meta name=viewport>\n<pre>\n</pre>\n", &[])]
#[case::script("<a href=x>x</a><script>'<a href=y>'</script><style><a href=z></style><!-- <a href=c> -->", &["x None"])]
fn reads(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(names(text).unwrap(), expected);
}

#[rstest]
#[case::empty("")]
#[case::words("<h1>It works!</h1>")]
#[case::welcome("<h1>Welcome to nginx!</h1><a href=http://nginx.org/>nginx.org</a>")]
#[case::site("<a href=/about>About</a><a href=shop/>Shop</a>")]
#[case::prose("<a href=docs/>docs</a> Welcome to our pages")]
#[case::script("<script>document.write('<a href=x>')</script>")]
fn leaves_ordinary_pages(#[case] text: &str) {
    assert_eq!(names(text), None);
}

proptest! {
    #[test]
    fn takes_any_bytes(text in proptest::collection::vec(any::<u8>(), 0..500)) {
        let page = Url::parse("http://h/b/").unwrap();
        read(&page, &text, &mut |_| {});
    }

    #[test]
    fn takes_any_tags(parts in proptest::collection::vec("<a href='[^']{0,8}'|<title>|</title>|<script|é{1,9}|[<>&;/ a-z]{0,9}", 0..60)) {
        let page = Url::parse("http://h/b/").unwrap();
        read(&page, parts.concat().as_bytes(), &mut |_| {});
    }
}
