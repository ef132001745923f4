//! Directories of web servers, probed over HTTP/1.1 and counted by their listings.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use storage_domain::{BackendKind, HttpConfig, ProbeReport, TemplatePatterns};
use url::Url;

use crate::backend::{Backend, Files};
use crate::context::OpContext;
use crate::error::Error;
use crate::net::{Network, tls};
use crate::registry::Settings;
use crate::scan::{ScanProgress, ScanReport};

pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod checks;
mod classify;
pub(crate) mod client;
pub(crate) mod dial;
pub(crate) mod failure;
mod limits;
mod lister;
pub mod listing;
pub(crate) mod pool;
pub(crate) mod reach;
pub(crate) mod redirect;
mod scan;

/// The field of the config that names the server.
const SETTING: &str = "base_url";

use auth::Credentials;
use checks::{Checks, Stopped};
use client::Client;
pub use limits::{Limits, MAX_REDIRECTS};
use lister::Lister;

/// What is left of a probe's time when its last check has to be over.
const SPARE: Duration = Duration::from_millis(500);

/// A directory of a web server.
///
/// A probe reports the checks `resolve`, `connect`, `tls` (skipped for `http://`), `auth`, `status` and `boot`,
/// always in this order and always all of them.
pub struct HttpBackend {
    directory: Url,
    verified: bool,
    tls: Arc<rustls::ClientConfig>,
    network: Network,
    client: Client,
    templates: Arc<TemplatePatterns>,
}

impl HttpBackend {
    /// A client of the directory that the config names.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub fn new(config: &HttpConfig, settings: &Settings) -> Result<Self, Error> {
        Self::with_limits(config, settings, Limits::default())
    }

    /// A client that keeps other bounds than the default ones.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub fn with_limits(config: &HttpConfig, settings: &Settings, limits: Limits) -> Result<Self, Error> {
        let directory = config.base_url.directory();
        let tls = tls::client_config(config.tls_verify, config.ca_pem.as_ref())?;
        let network = settings.network.clone();
        let pool = pool::pool(&network, &tls, &limits, pool::First::default());
        let client = Client::new(&directory, Credentials::of(config), pool, limits);
        Ok(Self {
            directory,
            verified: config.tls_verify,
            tls,
            network,
            client,
            templates: Arc::new(settings.templates.clone()),
        })
    }

    async fn check_all(&self, checks: &mut Checks, step: &OpContext) -> Result<(), Stopped> {
        let reach = reach::Reach::new(&self.directory, &self.tls, self.client.limits(), &self.network);
        let reach = reach.map_err(|failure| checks.failed(&failure))?;
        checks::transport::check(checks, &reach, self.verified, SETTING).await?;
        let client = self.client.over(reach.pool());
        checks::status::check(checks, &client, &self.directory).await?;
        if step.is_light() {
            checks.skipped("Not checked, because nobody asked for a whole test");
        } else {
            // The probe's own end would be a failure, and this is advice.
            let limit = step.remaining().saturating_sub(SPARE).min(client.limits().boot);
            checks::boot::check(checks, &self.lister(&client), limit).await;
        }
        Ok(())
    }

    fn lister<'a>(&'a self, client: &'a Client) -> Lister<'a> {
        Lister::new(client, &self.directory, Arc::clone(&self.templates))
    }
}

#[async_trait]
impl Backend for HttpBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Http
    }

    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        let server = self.directory.origin().ascii_serialization();
        let _permit = self.network.probe_permit(server, cx).await?;
        let started = Instant::now();
        let mut checks = Checks::of(&checks::NAMES);
        let step = cx.step(self.client.limits().probe);
        let ended = step.bound("the probe", self.check_all(&mut checks, &step)).await;
        Ok(ProbeReport {
            checks: checks.settle(ended, "server")?,
            capacity: None,
            targets: None,
            mount: None,
            warnings: Vec::new(),
            summary: format!("{} can be read", redirect::shown(&self.directory)),
            duration: started.elapsed(),
        })
    }

    fn as_files(&self) -> Option<&dyn Files> {
        Some(self)
    }
}

#[async_trait]
impl Files for HttpBackend {
    /// Counts what the server lists: an index page, nginx's or Caddy's JSON, or WebDAV. Sizes count where they are told
    /// exactly; see [`Limits::size_requests`] for the others.
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        tls::roots_for(&self.directory).await;
        scan::run(&self.lister(&self.client), cx, &progress).await
    }
}

impl fmt::Debug for HttpBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBackend")
            .field("directory", &self.directory.as_str())
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
