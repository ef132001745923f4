//! Directories of web servers, probed over HTTP/1.1 and counted by their listings.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use storage_domain::{BackendKind, FilePath, HttpConfig, IgnoredDirectories, ProbeReport, TemplatePatterns};
use url::Url;

use crate::backend::{Backend, Kind, Setup, Tree};
use crate::context::OpContext;
use crate::error::Error;
use crate::file_bytes::FileBytes;
use crate::files::{FileEntry, FilePage, PageRequest, ReadRequest, TreeCapabilities};
use crate::probe::Checks;
use crate::scan::{self, ScanOptions, ScanProgress, ScanReport};
use crate::settings::Settings;
use crate::web::redirect::shown;
use crate::web::{Authorization, Client, Connector};

pub(crate) mod auth;
mod files;
mod lister;
pub mod listing;
mod messages;
mod not_listed;
mod probe;
mod tree;

/// The field of the config that names the server.
const SETTING: &str = "base_url";

pub use crate::web::{Limits, MAX_REDIRECTS};
use auth::Credentials;
use files::{Files, Known};
use lister::Lister;
use messages::{Finding, Reservation};
use tree::HttpTree;

/// A directory of a web server.
///
/// A probe reports the checks `resolve`, `connect`, `tls` (skipped for `http://`), `auth`, `status` and `boot`,
/// always in this order and always all of them.
pub struct HttpBackend {
    directory: Url,
    verified: bool,
    connector: Connector,
    credentials: Credentials,
    templates: TemplatePatterns,
    ignored: IgnoredDirectories,
    known: Known,
}

impl HttpBackend {
    /// Makes a client of the directory that the config names, within these bounds.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub fn new(config: &HttpConfig, settings: &Settings, limits: Limits) -> Result<Self, Error> {
        let directory = config.base_url.directory();
        let tls = (config.tls_verify, config.ca_pem.as_ref());
        Ok(Self {
            credentials: Credentials::of(config),
            connector: Connector::new(settings.network.clone(), tls, limits)?,
            directory,
            verified: config.tls_verify,
            templates: settings.templates.clone(),
            ignored: settings.ignored.clone(),
            known: Known::default(),
        })
    }

    fn authorization(&self) -> Option<Authorization> {
        self.credentials.authorization(self.directory.origin())
    }

    /// Makes a call for files within its time.
    async fn with_files<T>(
        &self,
        cx: &OpContext,
        step: &'static str,
        call: impl AsyncFnOnce(Files<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let client = Client::new(self.connector.for_streams(), self.authorization());
        let files = Files {
            backend: self,
            lister: &Lister::new(&client, &self.directory),
            cx,
        };
        cx.bound(step, call(files)).await?
    }
}

impl Kind for HttpBackend {
    type Config = HttpConfig;

    fn open(config: &HttpConfig, setup: &Setup<'_>) -> Result<Self, Error> {
        Self::new(config, setup.settings, Limits::default())
    }
}

#[async_trait]
impl Backend for HttpBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Http
    }

    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        let _permit = self.connector.probe_permit(&self.directory, cx).await?;
        let step = cx.step(self.connector.limits.probe);
        let mut reservation = Reservation::None;
        let all = async |checks: &mut Checks| {
            reservation = self.check_all(checks, &step).await?;
            Ok(())
        };
        let checks = Checks::run(&probe::NAMES, "server", &step, all).await?;
        Ok(checks.report(Finding::Readable(shown(&self.directory), reservation)))
    }

    fn as_tree(&self) -> Option<&dyn Tree> {
        Some(self)
    }
}

#[async_trait]
impl Tree for HttpBackend {
    /// Counts what the server lists: an index page, nginx's or Caddy's JSON, or WebDAV. Sizes count if they are given
    /// exactly; see [`Limits::size_requests`] for the others.
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        let client = Client::new(self.connector.clone(), self.authorization());
        let limits = client.limits();
        let options = ScanOptions {
            templates: &self.templates,
            ignored: &self.ignored,
            bytes: true,
            parallel: limits.parallel,
            listings: limits.requests,
            depth: limits.depth,
            size_requests: limits.size_requests,
            slices: Some(self.connector.count_slices()),
        };
        let lister = Lister::new(&client, &self.directory);
        scan::count(&HttpTree::new(&lister, cx), &options, cx, &progress).await
    }

    fn capabilities(&self) -> TreeCapabilities {
        TreeCapabilities {
            ranges: !self.known.ignores_ranges(),
            ..TreeCapabilities::default()
        }
    }

    async fn list(
        &self,
        cx: &OpContext,
        directory: &FilePath,
        page: &PageRequest,
    ) -> Result<FilePage, Error> {
        self.with_files(cx, "the listing", async |files| files.page(directory, page).await)
            .await
    }

    async fn stat(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        self.with_files(cx, "the file", async |files| files.stat(path).await)
            .await
    }

    async fn read(&self, cx: &OpContext, path: &FilePath, request: &ReadRequest) -> Result<FileBytes, Error> {
        self.with_files(cx, "the file", async |files| files.read(path, request).await)
            .await
            .map(FileBytes::from)
    }
}

impl fmt::Debug for HttpBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBackend")
            .field("directory", &self.directory.as_str())
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
