//! Where requests go: the endpoint, the bucket in the path or in the host name.

use hyper::Uri;
use storage_domain::BaseUrl;
use storage_domain::s3::{Addressing, BucketName};
use url::{Host, Url};

use crate::s3::encoding;
use crate::web::Error;

/// Where a request names its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// In the path.
    Path,
    /// In the host name.
    Virtual,
}

impl Style {
    /// The style to begin with.
    pub(crate) fn of(addressing: Addressing, endpoint: &Url, bucket: Option<&BucketName>) -> Self {
        let Some(bucket) = bucket else {
            return Self::Path;
        };
        match addressing {
            Addressing::Path => Self::Path,
            Addressing::Virtual => Self::Virtual,
            Addressing::Auto => {
                let named = matches!(endpoint.host(), Some(Host::Domain(name)) if name.contains('.'));
                // A certificate for `*.endpoint` does not cover two more labels, and a service on a port of its own
                // seldom has a wildcard in the DNS.
                if named
                    && endpoint.port().is_none()
                    && bucket.fits_host_name()
                    && !bucket.as_str().contains('.')
                {
                    Self::Virtual
                } else {
                    Self::Path
                }
            }
        }
    }
}

/// Returns whether an endpoint is an IP address.
pub(crate) fn is_address(endpoint: &BaseUrl) -> bool {
    !matches!(endpoint.as_url().host(), Some(Host::Domain(_)))
}

/// The URL that a bucket, or with none the service, is reached at; it ends without a slash.
pub(crate) fn url(endpoint: &BaseUrl, style: Style, bucket: Option<&BucketName>) -> Result<Url, Error> {
    let mut url = endpoint.as_url().clone();
    let Some(bucket) = bucket else {
        return Ok(url);
    };
    match style {
        Style::Path => {
            let path = format!("{}/{bucket}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Style::Virtual => {
            let host = format!("{bucket}.{}", url.host_str().unwrap_or_default());
            url.set_host(Some(&host)).map_err(|_| Error::BadUrl(host))?;
        }
    }
    Ok(url)
}

/// Returns the part of an endpoint that names the bucket already: the end of its path, or the beginning of its host.
pub(crate) fn excess(endpoint: &Url, bucket: &str) -> Option<String> {
    let path = endpoint.path();
    let segment = path.split('/').position(|segment| segment == bucket);
    if let Some(before) = segment {
        let kept: usize = path
            .split('/')
            .take(before)
            .map(|segment| segment.len() + 1)
            .sum();
        return path.get(kept - 1..).map(str::to_owned);
    }
    let begin = format!("{bucket}.");
    endpoint
        .host_str()?
        .starts_with(&begin.to_lowercase())
        .then_some(begin)
}

/// A request's target below that URL.
pub(crate) fn uri(url: &Url, query: &[(&str, &str)]) -> Result<Uri, Error> {
    let text = match encoding::query(query) {
        query if query.is_empty() => url.as_str().to_owned(),
        query => format!("{url}?{query}"),
    };
    text.parse().map_err(|_| Error::BadUrl(url.to_string()))
}

/// The target of a request for an object, by its encoded key.
pub(crate) fn object_uri(url: &Url, path: &str, query: &[(&str, &str)]) -> Result<Uri, Error> {
    let bucket = url.as_str().trim_end_matches('/');
    let mark = if query.is_empty() { "" } else { "?" };
    let text = format!("{bucket}/{path}{mark}{}", encoding::query(query));
    text.parse().map_err(|_| Error::BadUrl(url.to_string()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::name("https://s3.lab", "images", "https://images.s3.lab/")]
    #[case::port("https://s3.lab:9000", "images", "https://s3.lab:9000/images")]
    #[case::ipv4("https://10.0.0.5", "images", "https://10.0.0.5/images")]
    #[case::ipv6("http://[fd00::5]", "images", "http://[fd00::5]/images")]
    #[case::dots("https://s3.lab", "my.images", "https://s3.lab/my.images")]
    #[case::upper_case("https://s3.lab", "ISO-Store", "https://s3.lab/ISO-Store")]
    #[case::underscore("https://s3.lab", "pxe_boot", "https://s3.lab/pxe_boot")]
    #[case::alias("https://s3.lab", "p-1-s3alias", "https://p-1-s3alias.s3.lab/")]
    #[case::one_label("http://minio", "images", "http://minio/images")]
    #[case::below_a_path("http://s3.lab:80/store", "images", "http://images.s3.lab/store")]
    fn auto(#[case] endpoint: &str, #[case] bucket: &str, #[case] expected: &str) {
        let endpoint: BaseUrl = endpoint.parse().unwrap();
        let bucket: BucketName = bucket.parse().unwrap();
        let style = Style::of(Addressing::Auto, endpoint.as_url(), Some(&bucket));
        let found = url(&endpoint, style, Some(&bucket)).unwrap();
        assert_eq!(found.as_str(), expected);
    }

    #[rstest]
    #[case::path("https://s3.lab/images", Some("/images"))]
    #[case::below_a_path("https://s3.lab/s3/images/iso", Some("/images/iso"))]
    #[case::host("https://images.s3.lab", Some("images."))]
    #[case::alike("https://images2.s3.lab/myimages", None)]
    fn endpoints_that_name_the_bucket(#[case] endpoint: &str, #[case] expected: Option<&str>) {
        let endpoint = Url::parse(endpoint).unwrap();
        assert_eq!(excess(&endpoint, "images").as_deref(), expected);
    }

    #[test]
    fn queries_are_encoded_as_they_are_signed() {
        let base = Url::parse("http://h/b").unwrap();
        let uri = uri(&base, &[("prefix", "/a b+c%é~*"), ("list-type", "2")]).unwrap();
        assert_eq!(
            uri.to_string(),
            "http://h/b?prefix=%2Fa%20b%2Bc%25%C3%A9~%2A&list-type=2"
        );
    }
}
