//! What the target of a request names: a backend, and a path below its `boot_path`.

use percent_encoding::percent_decode_str;
use storage_domain::FilePath;

/// What the first two segments of a path name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// `/b/`: a backend, by its id or its name.
    Backend(String),
    /// `/s/`: the token of a signed link.
    Link(String),
}

/// A file that a request names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) root: Root,
    segments: Vec<String>,
}

impl Target {
    /// Reads the target of a request (RFC 9112, section 3.2); `None` if it names no file.
    ///
    /// Segments are percent-decoded once, after they were separated. Empty ones and `.` are left out; one that is `..`, or
    /// holds a slash or a NUL, names nothing.
    pub(super) fn parse(target: &str) -> Option<Self> {
        let path = path(target)?;
        let mut segments = Vec::new();
        let mut is_directory = true;
        for encoded in path.split('/') {
            let segment = percent_decode_str(encoded).decode_utf8().ok()?;
            is_directory = matches!(&*segment, "" | ".");
            if segment == ".." || segment.contains(['/', '\0']) {
                return None;
            }
            if !is_directory {
                segments.push(segment.into_owned());
            }
        }
        let mut segments = segments.into_iter();
        let root = match (segments.next()?.as_str(), segments.next()?) {
            ("b", backend) => Root::Backend(backend),
            ("s", token) => Root::Link(token),
            _ => return None,
        };
        let segments: Vec<_> = segments.collect();
        (!is_directory && !segments.is_empty()).then_some(Self { root, segments })
    }

    /// Returns the path below a directory; `None` if there can't be such a file.
    pub(super) fn below(&self, directory: &FilePath) -> Option<FilePath> {
        let mut path = directory.clone();
        for segment in &self.segments {
            path = path.join(segment).ok()?;
        }
        path.is_below(directory).then_some(path)
    }
}

/// Returns the path of a target, which may name the scheme and the host too, without its query.
fn path(target: &str) -> Option<&str> {
    let target = target.split(['?', '#']).next()?;
    if target.starts_with('/') {
        return Some(target);
    }
    let (scheme, rest) = target.split_once("://")?;
    let slash = rest.find('/')?;
    scheme.eq_ignore_ascii_case("http").then(|| &rest[slash..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/b/nas/a", "nas", "/boot/a")]
    #[case("//b///nas/./x//a.efi?x=/y", "nas", "/boot/x/a.efi")]
    #[case("/%62/nas/a+b%2B%20%25c%2541", "nas", "/boot/a+b+ %c%41")]
    #[case("/b/my%20nas%2E/%2e/ü/%C3%BC/A", "my nas.", "/boot/ü/ü/A")]
    #[case("http://10.0.0.5:8081/b/nas/a", "nas", "/boot/a")]
    #[case("/b/nas/.../..a/%2", "nas", "/boot/.../..a/%2")]
    #[case("/b/nas/a\\..\\b", "nas", "/boot/a\\..\\b")]
    fn files(#[case] target: &str, #[case] backend: &str, #[case] path: &str) {
        let parsed = Target::parse(target).unwrap();
        assert_eq!(parsed.root, Root::Backend(backend.to_owned()));
        let directory = "/boot".parse().unwrap();
        assert_eq!(parsed.below(&directory).unwrap().as_str(), path);
        let root = parsed.below(&FilePath::root()).unwrap();
        assert_eq!(root.as_str(), path.strip_prefix("/boot").unwrap());
    }

    #[test]
    fn links_name_files_too() {
        let parsed = Target::parse("/s/AQ-_/a/b").unwrap();
        assert_eq!(parsed.root, Root::Link("AQ-_".to_owned()));
        assert_eq!(parsed.below(&FilePath::root()).unwrap().as_str(), "/a/b");
    }

    #[rstest]
    #[case("/s/AQ")]
    #[case("/")]
    #[case("*")]
    #[case("/b")]
    #[case("/b/nas")]
    #[case("/b/nas/")]
    #[case("/b/nas/a/")]
    #[case("/b/nas/a/.")]
    #[case("/b/nas/a/%2E")]
    #[case("/B/nas/a")]
    #[case("/api/v1/storage/backends")]
    #[case("/b/nas/../a")]
    #[case("/b/nas/x/..")]
    #[case("/b/nas/%2e%2E/a")]
    #[case("/b/nas/.%2e/a")]
    #[case("/b/../b/nas/a")]
    #[case("/b/nas/a%2Fb")]
    #[case("/b/nas%2Fa/b")]
    #[case("/b/nas/a%00")]
    #[case("/b/nas/%ff")]
    #[case("b/nas/a")]
    #[case("ftp://host/b/nas/a")]
    #[case("http://host")]
    fn what_names_no_file(#[case] target: &str) {
        assert_eq!(Target::parse(target), None);
    }

    proptest! {
        /// Whatever a client writes, the file is below the directory.
        #[test]
        fn nothing_leaves_the_directory(text in "/b/nas/(\\.|%2e|%2E|/|%2f|%5c|\\\\|a|%00|%25|;|\\+|%c0%ae){0,12}") {
            let directory: FilePath = "/boot".parse().unwrap();
            if let Some(path) = Target::parse(&text).and_then(|target| target.below(&directory)) {
                prop_assert!(path.is_below(&directory));
                prop_assert!(!path.segments().any(|segment| matches!(segment, "." | "..")));
            }
        }
    }
}
