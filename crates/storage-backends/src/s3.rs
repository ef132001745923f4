//! S3 buckets: signed listings over the HTTP client, probed and counted.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use storage_domain::s3::KeyPrefix;
use storage_domain::{
    BackendKind, BaseUrl, FilePath, IgnoredDirectories, ProbeReport, S3Config, TemplatePatterns,
};

use crate::backend::{Backend, Kind, Setup, Tree};
use crate::context::OpContext;
use crate::error::Error;
use crate::files::{ByteStream, FileEntry, FilePage, PageRequest, ReadRequest, TreeCapabilities};
use crate::probe::{Checks, Stopped};
use crate::scan::{self, ScanOptions, ScanProgress, ScanReport};
use crate::settings::Settings;
use crate::web::Limits;

mod discover;
mod encoding;
mod messages;
mod place;
mod probe;
mod service;
mod sign;
mod tree;
pub mod xml;

pub use discover::{Bucket, Buckets, LeftOut, buckets};
use service::Service;
use tree::ObjectTree;

/// The field of the config that names the server.
const SETTING: &str = "endpoint";
/// How many pages of a listing are under way at once.
const PARALLEL: usize = 8;
/// How many requests one scan makes: a thousand objects each.
const REQUESTS: usize = 100_000;

/// A bucket of an S3 service, or what is below a prefix of one.
///
/// A probe reports the checks `resolve`, `connect`, `tls` (skipped for `http://`), `credentials`, `bucket`, `list`,
/// `clock` and `cdn` (skipped unless enabled), always in this order and always all of them.
pub struct S3Backend {
    service: Service,
    bucket: String,
    prefix: Option<KeyPrefix>,
    cdn: Option<BaseUrl>,
    templates: TemplatePatterns,
    ignored: IgnoredDirectories,
}

impl S3Backend {
    /// The names of the checks of a probe, in the order in which they run.
    pub const CHECKS: [&str; 8] = [
        "resolve",
        "connect",
        "tls",
        "credentials",
        "bucket",
        "list",
        "clock",
        "cdn",
    ];

    /// Returns the bounds of S3, where they are not those of HTTP.
    pub fn limits() -> Limits {
        Limits {
            parallel: PARALLEL,
            requests: REQUESTS,
            ..Limits::default()
        }
    }

    /// Makes a client of the bucket that the config names, within these bounds.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub fn new(config: &S3Config, settings: &Settings, limits: Limits) -> Result<Self, Error> {
        Ok(Self {
            service: Service::of_bucket(config, limits, settings.network.clone())?,
            bucket: config.bucket.to_string(),
            prefix: config.prefix.clone(),
            cdn: config.cdn_url.clone().filter(|_| config.cdn_enabled),
            templates: settings.templates.clone(),
            ignored: settings.ignored.clone(),
        })
    }

    fn prefix(&self) -> &str {
        self.prefix.as_ref().map_or("", KeyPrefix::as_str)
    }

    async fn check_all(&self, checks: &mut Checks) -> Result<(), Stopped> {
        let (client, style) = probe::transport(checks, &self.service).await?;
        let sample = probe::listing(checks, self, (&client, style)).await?;
        probe::cdn(checks, self, &client, sample.as_deref()).await
    }
}

impl Kind for S3Backend {
    type Config = S3Config;

    fn open(config: &S3Config, setup: &Setup<'_>) -> Result<Self, Error> {
        Self::new(config, setup.settings, Self::limits())
    }

    fn warnings(config: &S3Config) -> Vec<String> {
        messages::warning(config).into_iter().collect()
    }
}

#[async_trait]
impl Backend for S3Backend {
    fn kind(&self) -> BackendKind {
        BackendKind::S3
    }

    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        let _permit = self.service.probe_permit(cx).await?;
        let step = cx.step(self.service.limits().probe);
        let all = async |checks: &mut Checks| self.check_all(checks).await;
        let checks = Checks::run(&Self::CHECKS, "server", &step, all).await?;
        Ok(checks.report(messages::Finding::CanBeListed(self.bucket.clone())))
    }

    fn as_tree(&self) -> Option<&dyn Tree> {
        Some(self)
    }
}

#[async_trait]
impl Tree for S3Backend {
    /// Counts the objects below the prefix. A key that ends in a slash and has no bytes is a marker of a directory and
    /// no file; a directory is whatever keys have before a slash.
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        let limits = self.service.limits();
        let options = ScanOptions {
            templates: &self.templates,
            ignored: &self.ignored,
            bytes: true,
            parallel: limits.parallel,
            listings: limits.requests,
            depth: limits.depth,
            size_requests: 0,
            slices: Some(self.service.connector().count_slices()),
        };
        scan::count(&ObjectTree::new(self, cx), &options, cx, &progress).await
    }

    fn capabilities(&self) -> TreeCapabilities {
        TreeCapabilities {
            ranges: true,
            ..TreeCapabilities::default()
        }
    }

    /// Lists a level of the keys. A level is sorted if 200 requests, and 10 s, are enough to list all of it.
    async fn list(
        &self,
        cx: &OpContext,
        directory: &FilePath,
        page: &PageRequest,
    ) -> Result<FilePage, Error> {
        let tree = ObjectTree::for_files(self, cx);
        cx.bound("the listing", tree.page_of(directory, page)).await?
    }

    async fn stat(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        let tree = ObjectTree::for_files(self, cx);
        cx.bound("the file", tree.stat(path)).await?
    }

    async fn read(
        &self,
        cx: &OpContext,
        path: &FilePath,
        request: &ReadRequest,
    ) -> Result<ByteStream, Error> {
        let tree = ObjectTree::for_files(self, cx);
        cx.bound("the file", tree.read(path, request)).await?
    }
}

impl fmt::Debug for S3Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Backend")
            .field("service", &self.service)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
