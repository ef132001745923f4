//! One service, one key: signed requests, and what is learned of the server from its answers.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use storage_domain::s3::{Addressing, BucketName, Identifier, S3Account};
use storage_domain::{BaseUrl, S3Config};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::context::OpContext;
use crate::net::Network;
use crate::s3::place::{self, Style, is_address};
use crate::s3::sign::Key;
use crate::web::{Client, Connector, Error, Limits};

mod conditions;
mod objects;
pub(crate) mod refusal;
mod reply;
mod requests;
mod style;

pub(crate) use conditions::{Conditions, Form};
pub(crate) use objects::{ObjectAnswer, ObjectAsk, base16};
pub(crate) use reply::{EndpointHint, Reply};
pub(crate) use requests::START_AFTER;
pub(crate) use style::is_of_the_name;

/// The region that requests are signed for until the server names another.
pub(crate) const FIRST_REGION: &str = "us-east-1";

/// What was learned from the server.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where requests name the bucket.
    pub(crate) style: Style,
    /// Whether the server answered for the bucket in this style.
    pub(crate) is_settled: bool,
    /// The region that requests are signed for.
    pub(crate) region: String,
    /// Whether the server lists by version 1 alone.
    pub(crate) is_version_1: bool,
    /// Whether the server takes markers, as version 1 does, whatever it is asked for.
    pub(crate) has_markers: bool,
    /// Whether the server says that it encodes keys, and does not.
    pub(crate) is_plain: bool,
}

/// Talks to one service with one key, or with none.
pub(crate) struct Service {
    endpoint: BaseUrl,
    verified: bool,
    connector: Connector,
    bucket: Option<BucketName>,
    key: Option<Key>,
    fixed_region: bool,
    addressing: Addressing,
    way: Mutex<Way>,
    /// What was found out of conditional writes.
    pub(crate) conditions: Conditions,
}

impl Service {
    /// A client of one bucket.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub(crate) fn of_bucket(
        config: &S3Config,
        limits: Limits,
        network: Network,
    ) -> Result<Self, crate::Error> {
        let (endpoint, ca_pem) = (config.endpoint.url(), config.ca_pem.as_ref());
        let connector = Connector::new(network, (config.tls_verify, ca_pem), limits)?;
        let secret = config.secret_access_key.as_ref();
        let token = config.session_token.as_ref();
        let key = secret.map(|secret| Key::new(&config.access_key_id, secret, token));
        let server = (endpoint.clone(), config.tls_verify, connector);
        Ok(Self::new(server, key, config.region.as_ref()).with_bucket(&config.bucket, config.addressing))
    }

    /// A client of a whole account.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub(crate) fn of_account(
        account: &S3Account,
        limits: Limits,
        network: Network,
    ) -> Result<Self, crate::Error> {
        let (endpoint, ca_pem) = (account.endpoint.url(), account.ca_pem.as_ref());
        let connector = Connector::new(network, (account.tls_verify, ca_pem), limits)?;
        let token = account.session_token.as_ref();
        let key = Key::new(&account.access_key_id, &account.secret_access_key, token);
        let server = (endpoint.clone(), account.tls_verify, connector);
        Ok(Self::new(server, Some(key), account.region.as_ref()))
    }

    fn new(
        (endpoint, verified, connector): (BaseUrl, bool, Connector),
        key: Option<Key>,
        region: Option<&Identifier>,
    ) -> Self {
        let way = Way {
            style: Style::Path,
            is_settled: false,
            region: region.map_or(FIRST_REGION, Identifier::as_str).to_owned(),
            is_version_1: false,
            has_markers: false,
            is_plain: false,
        };
        Self {
            endpoint,
            verified,
            connector,
            bucket: None,
            key,
            fixed_region: region.is_some(),
            addressing: Addressing::Path,
            way: Mutex::new(way),
            conditions: Conditions::default(),
        }
    }

    fn with_bucket(mut self, bucket: &BucketName, addressing: Addressing) -> Self {
        let style = Style::of(addressing, self.endpoint.as_url(), Some(bucket));
        self.learn(|way| way.style = style);
        self.addressing = addressing;
        self.bucket = Some(bucket.clone());
        self
    }

    /// What is known of the server now.
    pub(crate) fn way(&self) -> Way {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, change: impl FnOnce(&mut Way)) {
        change(&mut self.way.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes that the server says that it encodes keys, and does not; returns whether that is new.
    pub(crate) fn learn_plain(&self) -> bool {
        let is_new = !self.way().is_plain;
        self.learn(|way| way.is_plain = true);
        is_new
    }

    /// Where the bucket is reached in a style.
    pub(crate) fn url_in(&self, style: Style) -> Result<Url, Error> {
        place::url(&self.endpoint, style, self.bucket.as_ref())
    }

    /// Whether a bucket that is not found by the host name may be looked for in the path.
    pub(crate) fn may_turn(&self, style: Style) -> bool {
        self.is_auto() && style == Style::Virtual
    }

    /// Makes a client for the requests of one operation. Signatures are all that is ever sent.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.connector.clone(), None)
    }

    /// Returns the bucket's name.
    pub(crate) fn bucket_name(&self) -> Option<&str> {
        self.bucket.as_ref().map(BucketName::as_str)
    }

    /// Returns the part of the endpoint that names the bucket already, if there is one.
    pub(crate) fn excess(&self) -> Option<String> {
        place::excess(self.endpoint.as_url(), self.bucket_name()?)
    }

    /// Returns the service's URL.
    pub(crate) fn endpoint(&self) -> &Url {
        self.endpoint.as_url()
    }

    /// Returns whether the endpoint is an address, which no host name of a bucket can end with.
    pub(crate) fn is_at_address(&self) -> bool {
        is_address(&self.endpoint)
    }

    /// Returns whether the place of the bucket is found by trying.
    pub(crate) fn is_auto(&self) -> bool {
        self.addressing == Addressing::Auto
    }

    /// Blots out the secrets in a server's words.
    pub(crate) fn redact(&self, words: &str) -> String {
        self.key
            .as_ref()
            .map_or_else(|| words.to_owned(), |key| key.redact(words))
    }

    /// Whether requests are signed.
    pub(crate) fn signs(&self) -> bool {
        self.key.is_some()
    }

    /// Whether the config names the region.
    pub(crate) fn has_fixed_region(&self) -> bool {
        self.fixed_region
    }

    /// Returns the limits of every step.
    pub(crate) fn limits(&self) -> &Limits {
        &self.connector.limits
    }

    /// Returns what makes connections to the server.
    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Returns whether the server's certificate is verified.
    pub(crate) fn is_verified(&self) -> bool {
        self.verified
    }

    /// Waits until not too many others probe the server.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Timeout`] and [`crate::ErrorKind::Cancelled`].
    pub(crate) async fn probe_permit(&self, cx: &OpContext) -> Result<OwnedSemaphorePermit, crate::Error> {
        self.connector.probe_permit(self.endpoint.as_url(), cx).await
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("endpoint", &self.endpoint.to_string())
            .field("bucket", &self.bucket)
            .field("signs", &self.signs())
            .field("way", &self.way())
            .finish_non_exhaustive()
    }
}
