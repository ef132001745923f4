//! Directories of web servers, probed over HTTP/1.1 and counted by their listings.

use std::fmt;
use std::time::Instant;

use async_trait::async_trait;
use storage_domain::{BackendKind, HttpConfig, ProbeReport, TemplatePatterns};
use url::Url;

use crate::backend::Backend;
use crate::context::OpContext;
use crate::error::BackendError;
use crate::registry::Settings;

mod auth;
mod checks;
mod classify;
#[expect(dead_code, reason = "the scan, which comes next, needs the rest")]
mod client;
mod dial;
#[expect(dead_code, reason = "the scan, which comes next, needs the rest")]
mod failure;
mod limits;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the scan, which comes next, needs the rest")
)]
mod redirect;
mod tls;

use auth::Credentials;
use checks::{Checks, Stopped};
use client::Client;
pub use limits::{Limits, MAX_REDIRECTS};

/// A directory of a web server.
///
/// A probe reports the checks `resolve`, `connect`, `tls` (skipped for `http://`), `auth`, `status` and `boot`,
/// always in this order and always all of them.
pub struct HttpBackend {
    directory: Url,
    tls_verify: bool,
    tls: std::sync::Arc<rustls::ClientConfig>,
    client: Client,
    #[expect(dead_code, reason = "the scan comes with the next change")]
    templates: TemplatePatterns,
}

impl HttpBackend {
    /// A client of the directory that the config names.
    ///
    /// # Errors
    /// [`BackendError::HttpSetup`].
    pub fn new(config: &HttpConfig, settings: &Settings) -> Result<Self, BackendError> {
        Self::with_limits(config, settings, Limits::default())
    }

    /// A client that keeps other bounds than the default ones.
    ///
    /// # Errors
    /// [`BackendError::HttpSetup`].
    pub fn with_limits(
        config: &HttpConfig,
        settings: &Settings,
        limits: Limits,
    ) -> Result<Self, BackendError> {
        let directory = config.base_url.directory();
        let tls = tls::client_config(config)?;
        let client = Client::new(&directory, Credentials::of(config), &tls, limits);
        Ok(Self {
            directory,
            tls_verify: config.tls_verify,
            tls,
            client,
            templates: settings.templates.clone(),
        })
    }

    async fn check_all(&self, checks: &mut Checks) -> Result<(), Stopped> {
        let limits = self.client.limits();
        checks::transport::check(checks, &self.directory, &self.tls, self.tls_verify, limits).await?;
        checks::status::check(checks, &self.client, &self.directory).await
    }
}

#[async_trait]
impl Backend for HttpBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Http
    }

    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, BackendError> {
        let started = Instant::now();
        let mut checks = Checks::new();
        let step = cx.step(self.client.limits().probe);
        match step.bound("the probe", self.check_all(&mut checks)).await {
            Ok(Ok(()) | Err(Stopped)) => {}
            Err(BackendError::Deadline { .. }) => {
                checks
                    .failed("The probe's time was over before this check had ended: the server is very slow");
            }
            Err(error) => return Err(error),
        }
        Ok(ProbeReport {
            checks: checks.finish(),
            capacity: None,
            summary: format!("{} can be read", redirect::shown(&self.directory)),
            duration: started.elapsed(),
        })
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
