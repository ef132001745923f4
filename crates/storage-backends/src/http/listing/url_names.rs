//! From the references of a listing to names of direct children.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::Url;

/// What is encoded in a path: everything but slashes and unreserved characters (RFC 3986, section 2.3), so that every
/// name has one form.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A direct child of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its name, decoded: never empty, `.` or `..`, and without `/` and NUL.
    pub name: Vec<u8>,
    /// Its name as a URL's path segment, in the one canonical form.
    pub segment: String,
    /// Whether the reference ends in a slash.
    pub is_directory: bool,
}

impl Child {
    /// A child of this name; `None` where no child can have it.
    pub(crate) fn named(name: Vec<u8>, is_directory: bool) -> Option<Self> {
        // A server on Windows takes `\` for `/`.
        let climbs = name
            .split(|b| *b == b'\\')
            .any(|part| matches!(part, b"." | b".."));
        if name.is_empty() || climbs || name.iter().any(|b| matches!(b, b'/' | 0)) {
            return None;
        }
        let segment = encode(&name);
        Some(Self {
            name,
            segment,
            is_directory,
        })
    }
}

/// What a reference on a page points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A direct child.
    Child(Child),
    /// The page itself, or a directory above it, or the same page sorted in another way.
    Around {
        /// Whether it is the directory right above.
        is_parent: bool,
        /// Whether it has a query, as the links that sort a listing have.
        has_query: bool,
    },
    /// Anything else.
    Elsewhere,
}

/// Returns what `href` on `page` points to. The comparison is by whole, decoded path segments, after resolution.
pub(crate) fn reference(page: &Url, href: &str) -> Reference {
    let Ok(target) = page.join(href) else {
        return Reference::Elsewhere;
    };
    if target.origin() != page.origin() || !target.username().is_empty() || target.password().is_some() {
        return Reference::Elsewhere;
    }
    let here = directory_of(page);
    let mut there = segments(&target);
    let is_directory = there.pop_if(|last| last.is_empty()).is_some();
    let has_query = target.query().is_some();
    if here.starts_with(&there) {
        let is_parent = there.len() + 1 == here.len();
        return Reference::Around { is_parent, has_query };
    }
    let is_child = there.len() == here.len() + 1 && there.starts_with(&here);
    let plain = !has_query && target.fragment().is_none();
    let name = there.pop().filter(|_| is_child && plain);
    name.and_then(|name| Child::named(name, is_directory))
        .map_or(Reference::Elsewhere, Reference::Child)
}

/// The directory that a page shows: its path up to the last slash.
fn directory_of(page: &Url) -> Vec<Vec<u8>> {
    let mut path = segments(page);
    path.pop();
    path
}

fn segments(url: &Url) -> Vec<Vec<u8>> {
    let path = url.path().strip_prefix('/').unwrap_or(url.path());
    path.split('/').map(|s| percent_decode_str(s).collect()).collect()
}

/// Returns a decoded path, or a name, as the path of a URL.
pub(crate) fn encode(path: &[u8]) -> String {
    percent_encode(path, PATH).to_string()
}

/// Returns the decoded path of `url` below the directory `base`, without a slash at its end, or `None` if it is not a
/// directory below it.
pub(crate) fn path_below(base: &Url, url: &Url) -> Option<Vec<u8>> {
    let (base_path, mut path) = (directory_of(base), segments(url));
    let ends_in_slash = path.pop_if(|last| last.is_empty()).is_some();
    if url.origin() != base.origin() || !ends_in_slash || !path.starts_with(&base_path) {
        return None;
    }
    let names = path.split_off(base_path.len()).into_iter();
    let names: Vec<_> = names
        .map(|name| Child::named(name, true).map(|child| child.name))
        .collect::<Option<_>>()?;
    Some(names.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn of(page: &str, href: &str) -> Reference {
        reference(&Url::parse(page).unwrap(), href)
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
    fn finds_children(#[case] href: &str, #[case] name: &str, #[case] is_directory: bool) {
        let found = of("http://h/base%20dir/", href);
        let Reference::Child(child) = found else {
            panic!("{href}: {found:?}")
        };
        assert_eq!(
            (child.name.as_slice(), child.is_directory),
            (name.as_bytes(), is_directory)
        );
    }

    #[rstest]
    #[case("../x")]
    #[case("/x")]
    #[case("/base/../x")]
    #[case("%2e%2e/x")]
    #[case(".%2E/x")]
    #[case("%2e%2e%2fx")]
    #[case("..%2fx")]
    #[case("a%2fb")]
    #[case("a/b")]
    #[case("a//")]
    #[case("a%00")]
    #[case("..%5C")]
    #[case("..%5Cx")]
    #[case("a%5C..%5C..%5Cx")]
    #[case("..\\x")]
    #[case("/basement/x")]
    #[case("http://other/base/x")]
    #[case("https://h/base/x")]
    #[case("http://h:81/base/x")]
    #[case("http://u@h/base/x")]
    #[case("//other/base/x")]
    #[case("mailto:x")]
    #[case("javascript:x")]
    #[case("a:b.iso")]
    #[case("x?y")]
    #[case("x#y")]
    #[case("http://[")]
    fn leaves_out(#[case] href: &str) {
        assert_eq!(of("http://h/base/", href), Reference::Elsewhere, "{href}");
    }

    #[rstest]
    #[case("../", true, false)]
    #[case("..", true, false)]
    #[case("%2e%2e/", true, false)]
    #[case("/a/", true, false)]
    #[case("/", false, false)]
    #[case("", false, false)]
    #[case("./", false, false)]
    #[case("?C=N;O=D", false, true)]
    #[case("#top", false, false)]
    fn knows_the_way_up(#[case] href: &str, #[case] is_parent: bool, #[case] has_query: bool) {
        assert_eq!(
            of("http://h/a/b/", href),
            Reference::Around { is_parent, has_query }
        );
    }

    #[rstest]
    #[case("http://h/b/", Some(""))]
    #[case("http://h/b/c%20d/", Some("c d"))]
    #[case("http://h/b/%63/%C3%A9/", Some("c/é"))]
    #[case("http://h/b/c", None)]
    #[case("http://h/", None)]
    #[case("http://h/bb/", None)]
    #[case("http://x/b/", None)]
    #[case("http://h/b/a%2fb/", None)]
    fn finds_the_path_below(#[case] url: &str, #[case] below: Option<&str>) {
        let base = Url::parse("http://h/b/").unwrap();
        let found = path_below(&base, &Url::parse(url).unwrap());
        assert_eq!(found.as_deref(), below.map(str::as_bytes));
    }

    proptest! {
        #[test]
        fn never_leaves_the_page(href in ".{0,40}") {
            let page = Url::parse("http://h/base/").unwrap();
            if let Reference::Child(child) = reference(&page, &href) {
                let url = page.join(&child.segment).unwrap();
                prop_assert_eq!(url.as_str(), format!("http://h/base/{}", child.segment));
                let mut expected = child;
                expected.is_directory = false;
                prop_assert_eq!(reference(&page, &expected.segment.clone()), Reference::Child(expected));
            }
        }

        #[test]
        fn names_survive(name in proptest::collection::vec(any::<u8>(), 1..30)) {
            if let Some(child) = Child::named(name.clone(), true) {
                let page = Url::parse("http://h/base/").unwrap();
                let href = format!("{}/", child.segment);
                prop_assert_eq!(reference(&page, &href), Reference::Child(child));
            }
        }
    }
}
