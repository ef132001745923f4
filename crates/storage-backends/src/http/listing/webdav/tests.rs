use rstest::rstest;

use crate::http::listing::{Format, testing};

fn names(text: &str) -> Option<Vec<String>> {
    testing::names(Format::WebDav, text.as_bytes())
}

/// The answer of a server whose collections are the hrefs with a slash.
fn multistatus(hrefs: &[&str]) -> String {
    let of = |href: &&str| {
        let kind = if href.ends_with('/') { "<collection/>" } else { "" };
        format!("<response><href>{href}</href><resourcetype>{kind}</resourcetype></response>")
    };
    format!(
        "<multistatus>{}</multistatus>",
        hrefs.iter().map(of).collect::<String>()
    )
}

#[rstest]
#[case::other_prefixes("<multistatus xmlns='DAV:'><response><href>/b/x</href><getcontentlength> 7 </getcontentlength></response></multistatus>", &["x 7"])]
#[case::collection_without_slash("<d:multistatus><d:response><d:href>/b/s</d:href><d:collection/></d:response></d:multistatus>", &["s/"])]
#[case::entities("<multistatus><response><href>/b/a&amp;b&#x21;</href></response></multistatus>", &["a&b!"])]
#[case::cdata("<multistatus><response><href><![CDATA[/b/c]]></href></response></multistatus>", &["c"])]
#[case::climbing("<multistatus><response><href>/b/</href></response><response><href>/etc/x</href></response></multistatus>", &["1 elsewhere"])]
fn reads(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(names(text).unwrap(), expected);
}

/// A proxy may have changed scheme, host and prefix; the page is at http://h/b/.
#[rstest]
#[case::scheme(&["https://h/b/", "https://h/b/x", "https://h/b/s/"], &["x", "s/"])]
#[case::host(&["http://dav.internal:8080/b/", "http://dav.internal:8080/b/x"], &["x"])]
#[case::prefix_stripped(&["/", "/x", "/s/"], &["x", "s/"])]
#[case::prefix_stripped_and_a_namesake(&["/", "/b/", "/x"], &["b/", "x"])]
#[case::prefix_added(&["/remote.php/dav/files/b/", "/remote.php/dav/files/b/x"], &["x"])]
#[case::itself_last(&["/dav/b/x", "/dav/b/"], &["x"])]
#[case::itself_missing(&["/b/s/"], &["s/"])]
#[case::spelled_otherwise(&["/%62/", "/%62/x"], &["x"])]
#[case::deeper(&["/b/", "/b/x", "/b/s/y"], &["x", "1 elsewhere"])]
#[case::somewhere_else(&["/b/", "/c/x", "/c/y"], &["2 elsewhere"])]
#[case::empty_behind_a_proxy(&["http://internal/dav/b/"], &[])]
fn maps_by_the_collections_own_href(#[case] hrefs: &[&str], #[case] expected: &[&str]) {
    assert_eq!(names(&multistatus(hrefs)).unwrap(), expected);
}

/// The segments of all paths at once would take many times the text's memory.
#[test]
fn slashes_without_end_are_left_out() {
    let deep = format!("/b/{}x", "/".repeat(10_000));
    let hrefs: Vec<&str> = std::iter::once("/b/").chain([deep.as_str(); 500]).collect();
    assert_eq!(names(&multistatus(&hrefs)).unwrap(), ["500 elsewhere"]);
}

#[rstest]
#[case("")]
#[case("<html></html>")]
#[case("<multistatus><response>")]
#[case("<multistatus></response></multistatus>")]
fn refuses(#[case] text: &str) {
    assert_eq!(names(text), None);
}
