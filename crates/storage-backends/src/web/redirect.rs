//! Which redirects are followed.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use url::Url;

use crate::web::error::{Error, Redirect};
use crate::web::limits::MAX_REDIRECTS;

/// The way of one request through its redirects.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    seen: Vec<Url>,
    /// Whether credentials may still be sent: not once the route has left the origin that they are for.
    pub(crate) trusted: bool,
    /// Whether a redirect led from https to http.
    pub(crate) downgraded: bool,
}

impl Route {
    /// A request of `url`; credentials go along where `trusted`.
    pub(crate) fn new(url: Url, trusted: bool) -> Self {
        Self {
            seen: vec![url],
            trusted,
            downgraded: false,
        }
    }

    /// Where the route has got to.
    pub(crate) fn url(&self) -> &Url {
        &self.seen[self.seen.len() - 1]
    }

    /// Where the route began.
    pub(crate) fn start(&self) -> &Url {
        &self.seen[0]
    }

    /// How many redirects were followed.
    pub(crate) fn redirects(&self) -> usize {
        self.seen.len() - 1
    }

    /// Follows one redirect.
    pub(crate) fn follow(
        &mut self,
        status: StatusCode,
        location: Option<&HeaderValue>,
        has_credentials: bool,
    ) -> Result<(), Error> {
        self.advance(status, location, has_credentials)
            .map_err(Error::Redirect)
    }

    fn advance(
        &mut self,
        status: StatusCode,
        location: Option<&HeaderValue>,
        has_credentials: bool,
    ) -> Result<(), Redirect> {
        let location = location.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        let target = location.and_then(|text| self.url().join(text).ok());
        let mut target = target.ok_or(Redirect::Nowhere(status))?;
        if !matches!(target.scheme(), "http" | "https") {
            return Err(Redirect::Scheme(target.scheme().to_owned()));
        }
        target.set_fragment(None);
        // What a server writes there must not become credentials of this client.
        let _ = target.set_username("");
        let _ = target.set_password(None);
        if self.seen.contains(&target) {
            return Err(Redirect::Loop(shown(&target)));
        }
        if self.redirects() >= MAX_REDIRECTS {
            return Err(Redirect::TooMany(shown(&target)));
        }
        if self.url().scheme() == "https" && target.scheme() == "http" {
            if has_credentials {
                return Err(Redirect::Downgrade(shown(&target)));
            }
            self.downgraded = true;
        }
        self.trusted &= target.origin() == self.url().origin();
        self.seen.push(target);
        Ok(())
    }
}

/// The longest URL that a sentence shows, in bytes.
const SHOWN_BYTES: usize = 200;

/// A URL for a sentence: without user info, query and fragment, which may hold secrets, and not too long.
pub(crate) fn shown(url: &Url) -> String {
    let mut plain = format!("{}{}", url.origin().ascii_serialization(), url.path());
    if plain.len() > SHOWN_BYTES {
        // A URL is ASCII, so that any byte is a boundary.
        plain.truncate(SHOWN_BYTES);
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn follow(from: &str, to: &str, has_credentials: bool) -> Result<Route, Redirect> {
        let mut route = Route::new(Url::parse(from).unwrap(), true);
        let value = HeaderValue::from_str(to).unwrap();
        route.advance(StatusCode::FOUND, Some(&value), has_credentials)?;
        Ok(route)
    }

    #[rstest]
    #[case::relative("http://a/x/", "y", "http://a/x/y", true)]
    #[case::other_host("http://a/", "http://b/", "http://b/", false)]
    #[case::other_port("http://a/", "http://a:81/", "http://a:81/", false)]
    #[case::scheme_relative("http://a/", "//b/", "http://b/", false)]
    #[case::backslashes("http://a/", "\\\\b/", "http://b/", false)]
    #[case::upgrade("http://a/", "https://a/", "https://a/", false)]
    #[case::user_info("http://a/", "http://u:p@a/y", "http://a/y", true)]
    fn goes(#[case] from: &str, #[case] to: &str, #[case] expected: &str, #[case] trusted: bool) {
        let route = follow(from, to, false).unwrap();
        assert_eq!((route.url().as_str(), route.trusted), (expected, trusted));
    }

    #[test]
    fn keeps_credentials_away_for_good() {
        let mut route = follow("http://a/", "http://b/", true).unwrap();
        let back = HeaderValue::from_static("http://a/other");
        route.follow(StatusCode::FOUND, Some(&back), true).unwrap();
        assert!(!route.trusted);
    }

    #[test]
    fn refuses_what_is_unsafe_or_endless() {
        let downgrade = follow("https://a/", "http://a/", true).unwrap_err();
        assert!(matches!(downgrade, Redirect::Downgrade(_)));
        assert!(follow("https://a/", "http://a/", false).unwrap().downgraded);
        assert!(matches!(
            follow("http://a/", "file:///etc/passwd", false),
            Err(Redirect::Scheme(scheme)) if scheme == "file"
        ));
        assert!(matches!(
            follow("http://a/", "http://a/", false),
            Err(Redirect::Loop(_))
        ));
    }

    #[test]
    fn stops_after_the_last_redirect() {
        let mut route = Route::new(Url::parse("http://a/0").unwrap(), true);
        let mut step = |n: usize| {
            let to = HeaderValue::from_str(&format!("/{n}")).unwrap();
            route.advance(StatusCode::FOUND, Some(&to), false)
        };
        for n in 1..=MAX_REDIRECTS {
            step(n).unwrap();
        }
        assert!(matches!(step(MAX_REDIRECTS + 1), Err(Redirect::TooMany(_))));
    }
}
