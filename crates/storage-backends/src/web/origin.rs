//! Where a connection leads.

use storage_domain::HostAddr;
use url::Url;

use crate::net::host_of;
use crate::web::error::Error;

/// Where a connection leads (RFC 6454, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Whether the scheme is https.
    pub(crate) secure: bool,
    /// The host.
    pub(crate) host: HostAddr,
    pub(super) port: u16,
}

impl Origin {
    /// Returns the origin of an http or https URL.
    ///
    /// # Errors
    /// [`Error::BadUrl`] if it has no host.
    pub(crate) fn of(url: &Url) -> Result<Self, Error> {
        let secure = url.scheme() == "https";
        Ok(Self {
            secure,
            host: host_of(url).ok_or_else(|| Error::BadUrl(url.path().to_owned()))?,
            port: url
                .port_or_known_default()
                .unwrap_or(if secure { 443 } else { 80 }),
        })
    }
}
