use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn directory(page: &str) -> Directory {
    Directory::of(Url::parse(page).unwrap()).unwrap()
}

fn of(page: &str, href: &str) -> Reference {
    directory(page).reference(href.as_bytes())
}

#[rstest]
#[case::plain("a.iso", "a.iso", false)]
#[case::dot("./a:b.iso", "a:b.iso", false)]
#[case::directory("sub/", "sub", true)]
#[case::absolute("/base%20dir/x", "x", false)]
#[case::absolute_in_another_spelling("/base dir/x", "x", false)]
#[case::url("http://h/base%20dir/x", "x", false)]
#[case::spelled_port("http://h:80/base%20dir/x", "x", false)]
#[case::scheme_relative("//h/base%20dir/x", "x", false)]
#[case::encoded("100%25%20%23%3F.iso", "100% #?.iso", false)]
#[case::lower_case_hex("gr%c3%b6%c3%9fe", "größe", false)]
#[case::raw_unicode("größe", "größe", false)]
#[case::bad_escape("50%.iso", "50%.iso", false)]
#[case::three_dots("...", "...", false)]
#[case::backslash("a%5Cb", "a\\b", false)]
#[case::there_and_back("../base%20dir/x", "x", false)]
#[case::query("x?key=1", "x", false)]
#[case::colon("colon:name.iso", "colon:name.iso", false)]
#[case::colon_of_a_directory("colon:dir/", "colon:dir", true)]
fn finds_children(#[case] href: &str, #[case] expected: &str, #[case] ends_in_slash: bool) {
    let found = of("http://h/base%20dir/", href);
    let Reference::Child {
        name, is_directory, ..
    } = found
    else {
        panic!("{href}: {found:?}")
    };
    assert_eq!(
        (name.as_slice(), is_directory),
        (expected.as_bytes(), ends_in_slash)
    );
}

#[rstest]
#[case("../x")]
#[case("/x")]
#[case("/base/../x")]
#[case("%2e%2e/x")]
#[case(".%2E/x")]
#[case("%2e%2e%2fx")]
#[case("..%5Cx")]
#[case("a%2Fb")]
#[case("a%00b")]
#[case("a/b")]
#[case("x#part")]
#[case("http://other/b/x")]
#[case("http://h:81/b/x")]
#[case("https://h/b/x")]
#[case("http://u@h/b/x")]
#[case("//evil/b/x")]
#[case("\\\\evil\\x")]
fn leaves_the_rest(#[case] href: &str) {
    let found = of("http://h/b/", href);
    assert!(
        matches!(found, Reference::Elsewhere { .. } | Reference::Around { .. }),
        "{href}: {found:?}"
    );
}

#[rstest]
#[case("mailto:x@y")]
#[case("javascript:void(0)")]
#[case("data:,x")]
#[case("#top")]
fn ignores_what_is_not_a_page(#[case] href: &str) {
    assert_eq!(of("http://h/b/", href), Reference::Nothing);
}

#[rstest]
#[case("../", true, false)]
#[case("..", true, false)]
#[case("/a/", true, false)]
#[case("/", true, false)]
#[case("", false, false)]
#[case("./", false, false)]
#[case("?C=N;O=D", false, true)]
#[case("../?sort=name", true, true)]
fn knows_the_way_up(#[case] href: &str, #[case] is_above: bool, #[case] has_query: bool) {
    assert_eq!(
        of("http://h/a/b/", href),
        Reference::Around { is_above, has_query }
    );
}

#[rstest]
#[case::root("/", "b/x")]
#[case::other_directory("/b/c/", "../x")]
#[case::relative("..", "b/x")]
fn resolves_against_the_base_element(#[case] base: &str, #[case] href: &str) {
    let mut page = directory("http://h/b/");
    page.set_base(base.as_bytes());
    page.set_base(b"http://other/");
    let found = page.reference(href.as_bytes());
    assert!(
        matches!(&found, Reference::Child { name, .. } if name == b"x"),
        "{found:?}"
    );
}

#[rstest]
#[case("http://h/a", "http://h/a/", true)]
#[case("http://h/a%25b", "http://h/a%b/", true)]
#[case("http://h/a", "https://h/a/", true)]
#[case("http://h/a", "http://h/a", false)]
#[case("http://h/a", "http://h/b/", false)]
fn a_slash_may_be_added(#[case] name: &str, #[case] page: &str, #[case] expected: bool) {
    let (name, page) = (Url::parse(name).unwrap(), Url::parse(page).unwrap());
    assert_eq!(is_with_slash(&name, &page), expected);
}

#[test]
fn bytes_that_are_not_utf8_stay() {
    let found = directory("http://h/b/").reference(b"\xE9.iso");
    assert!(
        matches!(&found, Reference::Child { name, .. } if name == b"\xE9.iso"),
        "{found:?}"
    );
}

#[test]
fn lengths_are_bounded() {
    let long = "x".repeat(MAX_NAME_BYTES);
    assert!(matches!(of("http://h/b/", &long), Reference::Child { .. }));
    let found = of("http://h/b/", &format!("{long}x"));
    assert!(matches!(found, Reference::Elsewhere { .. }));
    let page = Url::parse(&format!("http://h/{}", "a/".repeat(30_000))).unwrap();
    assert!(Directory::of(page).is_none());
}

#[rstest]
#[case("http://h/b/", Some(""))]
#[case("http://h/b/c%20d/", Some("c d"))]
#[case("http://h/b/%63/%C3%A9/", Some("c/é"))]
#[case("http://h/b/c", Some(""))]
#[case("http://h/", None)]
#[case("http://h/bb/", None)]
#[case("http://x/b/", None)]
#[case("http://h/b/a%2fb/", None)]
fn finds_the_path_below(#[case] url: &str, #[case] below: Option<&str>) {
    let base = Url::parse("http://h/b/").unwrap();
    let found = path_below(&base, &directory(url));
    assert_eq!(found.as_deref(), below.map(str::as_bytes));
}

#[rstest]
#[case::the_same("http://h/b/", "b")]
#[case::without_a_slash("http://h/b", "b")]
#[case::moved("http://h/c/", "c")]
#[case::a_page_below("http://h/b/index.html", "b")]
fn a_page_answers_for_a_directory(#[case] page: &str, #[case] expected: &str) {
    let asked = Url::parse("http://h/b/").unwrap();
    let found = Directory::answered(&asked, Url::parse(page).unwrap()).unwrap();
    assert_eq!(found.path(), [expected.as_bytes()]);
}

proptest! {
    #[test]
    fn never_leaves_the_page(href in ".{0,40}") {
        if let Reference::Child { name, .. } = of("http://h/base/", &href) {
            let segment = encode(&name);
            let url = Url::parse("http://h/base/").unwrap().join(&format!("./{segment}")).unwrap();
            prop_assert_eq!(url.as_str(), format!("http://h/base/{segment}"));
        }
    }

    #[test]
    fn names_survive(name in proptest::collection::vec(any::<u8>(), 1..30)) {
        if is_name(&name) {
            let href = format!("{}/", encode(&name));
            let child = Reference::Child { name, is_directory: true, has_query: false };
            prop_assert_eq!(of("http://h/base/", &href), child);
        }
    }
}
