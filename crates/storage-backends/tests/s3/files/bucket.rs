//! A bucket in memory, which lists its keys as AWS does. An object holds its own key.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::s3::fake::{Asked, Fake, Told, page, refusal};

/// The version that a server lists by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Two,
    /// It refuses version 2.
    One,
    /// It lists by version 1, whatever it is asked for.
    OneUnasked,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    keys: BTreeSet<String>,
    /// Names in one page.
    max: usize,
    version: Version,
    has_ranges: bool,
    has_if_match: bool,
}

impl Bucket {
    pub(crate) fn new(keys: BTreeSet<String>, max: usize, version: Version) -> Self {
        Self {
            keys,
            max,
            version,
            has_ranges: true,
            has_if_match: true,
        }
    }

    pub(crate) fn with_ranges(self, has_ranges: bool) -> Self {
        Self { has_ranges, ..self }
    }

    pub(crate) fn with_if_match(self, has_if_match: bool) -> Self {
        Self { has_if_match, ..self }
    }

    pub(crate) async fn start(self) -> Fake {
        Fake::start(move |asked| match asked.path.strip_prefix("/images/") {
            Some(key) => self.object(key, asked),
            None => self.list(asked),
        })
        .await
    }

    fn list(&self, asked: &Asked) -> Told {
        let is_two = self.version == Version::Two;
        if self.version == Version::One && asked.get("list-type") == "2" {
            return refusal(501, "NotImplemented", "ListObjectsV2", "");
        }
        let prefix = asked.get("prefix");
        let (token, after) = if is_two {
            (asked.get("continuation-token"), asked.get("start-after"))
        } else {
            (asked.get("marker"), "")
        };
        let name = |key: &str| match key[prefix.len()..].find('/') {
            Some(slash) if asked.get("delimiter") == "/" => key[..=prefix.len() + slash].to_owned(),
            _ => key.to_owned(),
        };
        let keys = self.keys.iter().filter(|key| key.starts_with(prefix));
        let keys = keys.filter(|key| key.as_str() > after);
        let names: BTreeSet<String> = keys
            .map(|key| name(key))
            .filter(|name| name.as_str() > token)
            .collect();
        let max = self.max.min(asked.get("max-keys").parse().unwrap_or(1000));
        let mut inner = format!("<IsTruncated>{}</IsTruncated>", names.len() > max);
        if names.len() > max {
            let last = names.iter().nth(max - 1).unwrap();
            let field = if is_two {
                "NextContinuationToken"
            } else {
                "NextMarker"
            };
            let _ = write!(inner, "<{field}>{last}</{field}>");
        }
        let is_prefix =
            |name: &str| name.ends_with('/') && name.len() > prefix.len() && asked.get("delimiter") == "/";
        let listed = names.iter().take(max);
        inner.extend(listed.map(|name| {
            if is_prefix(name) {
                common(name)
            } else {
                object(name)
            }
        }));
        page(&inner)
    }

    fn object(&self, key: &str, asked: &Asked) -> Told {
        let tag = format!("\"tag-{key}\"");
        if !self.keys.contains(key) {
            return refusal(404, "NoSuchKey", "The specified key does not exist.", "");
        }
        if self.has_if_match && !asked.if_match.is_empty() && asked.if_match != tag {
            return refusal(412, "PreconditionFailed", "At least one of the preconditions", "");
        }
        let mut headers = vec![
            ("etag", tag),
            ("last-modified", "Wed, 26 Nov 2025 12:00:00 GMT".to_owned()),
        ];
        let range = asked.range.strip_prefix("bytes=").filter(|_| self.has_ranges);
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
            return (200, headers, key.to_owned());
        };
        let first: usize = first.parse().unwrap();
        if first >= key.len() {
            headers.push(("content-range", format!("bytes */{}", key.len())));
            return (416, headers, String::new());
        }
        let end = last
            .parse()
            .map_or(key.len(), |last: usize| (last + 1).min(key.len()));
        headers.push((
            "content-range",
            format!("bytes {first}-{}/{}", end - 1, key.len()),
        ));
        (206, headers, key[first..end].to_owned())
    }
}

fn common(prefix: &str) -> String {
    format!("<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>")
}

fn object(key: &str) -> String {
    let size = if key.ends_with('/') { 0 } else { key.len() };
    format!(
        "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>2025-11-26T12:00:00.000Z</LastModified>\
         <ETag>&quot;tag-{key}&quot;</ETag></Contents>"
    )
}
