use proptest::prelude::*;
use rstest::rstest;

use crate::http::listing::{Format, testing};

mod pages;
mod styles;

fn names(text: &str) -> Option<Vec<String>> {
    testing::names(Format::Html, text.as_bytes())
}

#[rstest]
#[case::nginx_empty("<title>Index of /b/</title><h1>Index of /b/</h1><pre><a href=\"../\">../</a>\n</pre>", &[])]
#[case::upper_case("<TITLE>Index of /</TITLE><A HREF='X.ISO'>X.ISO</A> 22-Nov-2026 19:43 7", &["X.ISO? 7"])]
#[case::unquoted("<pre><a href=x>x</a>", &["x?"])]
#[case::entities("<pre><a href='a&amp;b&#33;'>a&amp;b!</a>", &["a&b!?"])]
#[case::icon_and_name("<a href=x><img></a> <a href=x>x</a> 2026-11-22 19:43 9", &["x? 9"])]
#[case::rounded("<a href=x>x</a> 2026-11-22 19:43 1.0K", &["x?"])]
#[case::data_size("<tr><td><a href=x>x</a><td data-size=12>12 B</td>", &["x? 12"])]
#[case::no_date("<a href=x>x</a> 12", &["x? 12"])]
#[case::go_empty("<!doctype html>\n<meta name=viewport>\n<pre>\n</pre>\n", &[])]
#[case::script("<pre><a href=x>x</a><script>'<a href=y>'</script><style><a href=z></style><!-- <a href=c> -->", &["x?"])]
#[case::unit_in_the_head("<table><tr><th>Size (KB)<tr><td><a href=x>x</a><td>700<td>2026-11-22", &["x?"])]
#[case::slash_behind("<pre><a href=../>..</a>/\n<a href=d>d</a>/\n<a href=x>x</a> 6", &["d/", "x? 6"])]
#[case::folder_icon("<tr><td><img src=/i/folder.png> <a href=d>d</a><td>2026-11-22", &["d/"])]
#[case::dir_in_a_cell("<tr><td><a href=d>d</a><td>&lt;REP&gt;<td>22/11/2026", &["d/"])]
#[case::mode("<pre>drwxr-xr-x  2 root root 4096 Nov 22 19:43 <a href=d>d</a>", &["d/"])]
#[case::link("<pre>lrwxrwxrwx  1 root root 7 Nov 22 19:43 <a href=x>x</a> -> y", &["x?"])]
#[case::link_mark("<h1>/</h1><ul><li><a href=x>x@</a></ul>", &["x?"])]
#[case::divs_around_rows("<div><div><div>2026-11-21 10:00</div><div><a href=x>x</a></div><div>7</div></div><div><div>2026-11-22 10:00</div><div><a href=y>y</a></div><div>8</div></div></div>", &["x? 7", "y? 8"])]
#[case::other_language("<h1>Obsah adresáře</h1><table><tr><td><a href=x>x</a><td>5<td>22. 11. 2026 19:43</table>", &["x? 5"])]
#[case::titles_for_names("<table><tr><td><a href=x.iso>Installer</a><td>2026-11-22<td>12 MB</table>", &["x.iso?"])]
#[case::cut_at_the_column("<pre><a href=../>..</a>\n<a href=debian-13-netinst-amd64.iso>debian-13-netinst-am</a>", &["debian-13-netinst-amd64.iso?"])]
#[case::file_and_directory("<h1>/</h1><ul><li><a href=x>x</a> 7 2026-11-22<li><a href=x/>x/</a> - 2026-11-22</ul>", &["x/"])]
#[case::cut_short("<pre><a href=debian-13-netinst.iso>debian-13-ne..&gt;</a> 2026-11-22 19:43 7", &["debian-13-netinst.iso? 7"])]
fn reads(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(names(text).unwrap(), expected);
}

/// Entries that can't be reached by a name below the page are counted.
#[rstest]
#[case::another_host("<h1>/b/</h1><a href=http://o:81/b/x>x</a> 7 2026-11-22<br><a href=y>y</a> 8 2026-11-22", &["y? 8", "1 elsewhere"])]
#[case::only_elsewhere("<h1>/b/</h1><a href=/cgi/x>x</a> 7 2026-11-22", &["1 elsewhere"])]
#[case::a_script("<h1>/b/</h1><a href='?dir=x'>x</a> 7 2026-11-22", &["1 elsewhere"])]
#[case::a_key("<h1>/b/</h1><a href='x?k=1'>x</a> 7 2026-11-22<br><a href='y?k=1'>Y!</a> 7 2026-11-22", &["x? 7", "1 elsewhere"])]
#[case::deeper("<h1>/b/</h1><a href=s/x>s/x</a> 7 2026-11-22<br><a href=y>y</a> 8 2026-11-22", &["y? 8", "1 elsewhere"])]
#[case::signatures("<h1>/b/</h1><ul><li><a href=y>y</a> 8 2026-11-22</ul><p><a href=http://o/wsgidav/>WsgiDAV/4</a> - Thu, 26 Nov 2026 15:00:16 GMT<address>Node <a href=http://o/http-server>http-server</a> running @ 127.0.0.1:8080</address>", &["y? 8"])]
#[case::path_for_name("<base href=/><h1>/b/</h1><ul><li><a href=b/s/>b/s/</a><li><a href=b/x>/b/x</a></ul>", &["s/", "x?"])]
#[case::base("<base href=/><h1>/b/</h1><a href=b/x>x</a> 7 2026-11-22", &["x? 7"])]
fn counts_what_leads_elsewhere(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(names(text).unwrap(), expected);
}

#[test]
fn the_same_page_has_the_same_fingerprint() {
    let of = |text: &str| {
        testing::listing(Format::Html, text.as_bytes())
            .unwrap()
            .fingerprint
    };
    let one = of("<h1>/a/</h1><a href=x>x</a> 7 2026-11-22<br><a href=y>y</a> 8 2026-11-22");
    let other_order = of("<h1>/b/</h1><a href=y>y</a> 8 2026-11-22<br><a href=x>x</a> 7 2026-11-22");
    let other_date = of("<h1>/a/</h1><a href=x>x</a> 7 2026-11-22<br><a href=y>y</a> 8 2026-11-23");
    assert_eq!(one, other_order);
    assert_ne!(one, other_date);
}

/// A tag with very many attributes costs no more than its bytes.
#[test]
fn attributes_are_read_in_one_pass() {
    let text = format!(
        "<h1>/b/</h1><a {}href=x>x</a> 7 2026-11-22",
        "a b c=1 ".repeat(200_000)
    );
    assert_eq!(names(&text).unwrap(), ["x? 7"]);
}

proptest! {
    #[test]
    fn takes_any_bytes(text in proptest::collection::vec(any::<u8>(), 0..500)) {
        testing::names(Format::Html, &text);
    }

    #[test]
    fn takes_any_tags(parts in proptest::collection::vec("<a href='[^']{0,8}'|<title>|</title>|</?t[rdh]>|<script|é{1,9}|[<>&;/ a-z0-9:-]{0,9}", 0..60)) {
        names(&parts.concat());
    }
}

/// The same entry again and again is one.
#[rstest]
fn repeated_entries_are_one(#[values(2, 30, 20_000)] times: usize) {
    let text = format!(
        "<title>Index of /</title>{}",
        "<a href=x.iso>x.iso</a> ".repeat(times)
    );
    assert_eq!(names(&text).unwrap(), ["x.iso?"]);
    assert_eq!(names(&text[..text.len() - 7]).unwrap(), ["x.iso?"]);
}
