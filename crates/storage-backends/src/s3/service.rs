//! One service, one key: signed requests, and what is learned of the server from its answers.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use storage_domain::s3::{Addressing, BucketName, Identifier, S3Account};
use storage_domain::{BaseUrl, S3Config};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::context::OpContext;
use crate::net::Network;
use crate::s3::place::{self, Style};
use crate::s3::service::refusal::{Meaning, meaning};
use crate::s3::sign::Key;
use crate::web::{Client, Connector, Error, Limits, body};

pub(crate) mod refusal;
mod reply;
mod style;

pub(crate) use reply::Reply;
pub(crate) use style::is_of_the_name;
use style::{is_of_the_style, may_be_of_the_style, shows_account};

/// The region that requests are signed for until the server names another.
pub(crate) const FIRST_REGION: &str = "us-east-1";
/// How many large bodies are in memory at once.
const LARGE_BODIES: usize = 2;
/// How often one request is sent in one style, at the most: as it is, and for another region.
const TRIES: usize = 2;

/// What was learned from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where requests name the bucket.
    pub(crate) style: Style,
    /// The region that requests are signed for.
    pub(crate) region: String,
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
    large: Semaphore,
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
        let key = secret.map(|secret| Key::new(&config.access_key_id, secret));
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
        let key = Key::new(&account.access_key_id, &account.secret_access_key);
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
            region: region.map_or(FIRST_REGION, Identifier::as_str).to_owned(),
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
            large: Semaphore::new(LARGE_BODIES),
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

    /// Where the bucket is reached in a style.
    pub(crate) fn url_in(&self, style: Style) -> Result<Url, Error> {
        place::url(&self.endpoint, style, self.bucket.as_ref())
    }

    /// Whether a bucket that is not found by the host name may be looked for in the path.
    pub(crate) fn may_turn(&self, style: Style) -> bool {
        self.addressing == Addressing::Auto && style == Style::Virtual
    }

    /// Makes a client for the requests of one operation. Signatures are all that is ever sent.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.connector.clone(), None)
    }

    /// Asks for something of the bucket, or of the service if there is no bucket.
    ///
    /// # Errors
    /// Any [`Error`]; a refusal is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn get(&self, client: &Client, query: &[(&str, &str)]) -> Result<Reply, Error> {
        self.get_by(client, self.way().style, query).await
    }

    /// As [`Self::get`], and in this style first.
    ///
    /// Only an answer decides on the style of later requests: a name server that fails for a moment decides nothing.
    pub(crate) async fn get_by(
        &self,
        client: &Client,
        style: Style,
        query: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        let first = self.in_style(client, style, query).await;
        if !self.may_turn(style) || !may_be_of_the_style(&first) {
            self.keep_if_listed(style, &first);
            return first;
        }
        let second = self.in_style(client, Style::Path, query).await;
        let is_better = self.keep_if_listed(Style::Path, &second);
        if shows_account(&first) {
            self.learn(|way| way.style = Style::Path);
        }
        // Where the path is no better, the first answer says more.
        if is_better || is_of_the_style(&first) {
            return second;
        }
        first
    }

    /// Goes on in the style in which the bucket was listed.
    fn keep_if_listed(&self, style: Style, found: &Result<Reply, Error>) -> bool {
        let is_listed = matches!(found, Ok(reply) if meaning(reply) == Meaning::Listed);
        if is_listed && self.bucket.is_some() {
            self.learn(|way| way.style = style);
        }
        is_listed
    }

    async fn in_style(&self, client: &Client, style: Style, query: &[(&str, &str)]) -> Result<Reply, Error> {
        let mut last = self.once(client, style, query).await;
        for _ in 1..TRIES {
            if !matches!(&last, Ok(reply) if self.takes_region(reply)) {
                break;
            }
            last = self.once(client, style, query).await;
        }
        last
    }

    fn takes_region(&self, reply: &Reply) -> bool {
        if self.fixed_region || self.key.is_none() || reply.status.is_success() {
            return false;
        }
        let other = reply.region().filter(|region| *region != reply.signed_for);
        other.is_some_and(|region| {
            self.learn(|way| region.clone_into(&mut way.region));
            true
        })
    }

    async fn once(&self, client: &Client, style: Style, query: &[(&str, &str)]) -> Result<Reply, Error> {
        let region = self.way().region;
        let url = self.url_in(style)?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = Method::GET;
        *request.uri_mut() = place::uri(&url, query)?;
        if let Some(key) = &self.key {
            key.sign(&region, SystemTime::now(), &mut request)?;
        }
        let (parts, body) = client.exchange(&url, request).await?.into_parts();
        let text = body::read(body, client.limits(), &self.large).await?;
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            answer: reply::parse(text).await?,
            signed_for: region,
        })
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
