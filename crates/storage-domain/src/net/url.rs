//! URLs.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::host::Host;
use crate::fields::{Shape, TextField};
use crate::invalid::Rule;

/// An `http://` or `https://` URL with a host, without user info, query, fragment and trailing slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The longest URL, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Returns the URL with a path that ends in a slash, so that relative references stay below it.
    pub fn directory(&self) -> Url {
        let mut url = self.0.clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url
    }

    /// Returns the URL itself.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns scheme, host and port (RFC 6454), to compare where a secret would go.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl FromStr for BaseUrl {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let mut url = web_url(text)?;
        if has_user_info(text) {
            return Err(Rule::new(
                "must not contain user info; use username and password instead",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Rule::new(
                "must not contain a query or a fragment; name the directory itself",
            ));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

/// Parses an `http://` or `https://` URL with a host, of bounded length.
fn web_url(text: &str) -> Result<Url, Rule> {
    if text.len() > BaseUrl::MAX_BYTES {
        return Err(too_long());
    }
    // The URL standard drops blanks and line breaks silently; an operator's text must not change unnoticed.
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(Rule::new("must not contain blanks or control characters"));
    }
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if !(lower.starts_with("http://") || lower.starts_with("https://")) {
        return Err(Rule::new(
            "must begin with http:// or https://, such as http://10.0.0.5/images",
        ));
    }
    if text[lower.find("//").map_or(0, |at| at + 2)..].starts_with(['/', '\\']) {
        return Err(Rule::new("must name a host right after the two slashes"));
    }
    let url = Url::parse(text).map_err(|e| Rule::new(format!("must be a URL with a host ({e})")))?;
    if url.host_str().is_none_or(|host| host.parse::<Host>().is_err()) {
        return Err(Rule::new(
            "must name a host by a name, an IPv4 address or an IPv6 address, such as http://nas.lab or http://[fd00::5]",
        ));
    }
    if url.port() == Some(0) {
        return Err(Rule::new("must not name port 0"));
    }
    // Text that is not ASCII grows when it is encoded; the encoded form is stored and read back.
    if url.as_str().len() > BaseUrl::MAX_BYTES {
        return Err(too_long());
    }
    Ok(url)
}

impl TextField for BaseUrl {
    const SHAPE: Shape = Shape::text("URL", Self::MAX_BYTES);
}

/// An `http://` or `https://` URL of one file, which may have user info and a query. It is shown without them, for they may
/// hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchUrl(Url);

impl FetchUrl {
    /// Returns the URL itself, to be requested and never to be shown.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for FetchUrl {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let mut url = web_url(text)?;
        url.set_fragment(None);
        Ok(Self(url))
    }
}

impl fmt::Display for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

impl fmt::Debug for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchUrl({self})")
    }
}

fn too_long() -> Rule {
    Rule::new(format!(
        "must be at most {} bytes long, percent-encoding included",
        BaseUrl::MAX_BYTES
    ))
}

/// Returns whether the authority of a URL has an `@`, even with nothing before it.
fn has_user_info(text: &str) -> bool {
    let authority = text.split("//").nth(1).unwrap_or_default();
    authority
        .split(['/', '?', '#', '\\'])
        .next()
        .unwrap_or_default()
        .contains('@')
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "https://user:pass@mirror.example/a%20b.iso?key=secret#top",
        "https://mirror.example/a%20b.iso"
    )]
    #[case("http://[2001:db8::1]:8080/a", "http://[2001:db8::1]:8080/a")]
    fn what_is_fetched_is_shown_without_secrets(#[case] text: &str, #[case] shown: &str) {
        let url: FetchUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("FetchUrl({shown})"));
        assert!(url.as_url().fragment().is_none());
    }

    #[rstest]
    #[case("ftp://mirror.example/a.iso")]
    #[case("file:///etc/passwd")]
    #[case("mirror.example/a.iso")]
    #[case("http:///a.iso")]
    #[case("http://mirror.example:0/a.iso")]
    #[case("http://mirror.example/a b")]
    fn what_can_not_be_fetched(#[case] text: &str) {
        assert!(text.parse::<FetchUrl>().is_err());
    }
}
