//! S3 buckets: signed listings over the HTTP client, probed and counted.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use storage_domain::s3::KeyPrefix;
use storage_domain::{
    BackendKind, BaseUrl, FilePath, IgnoredDirectories, ProbeReport, S3Config, TemplatePatterns,
};

use crate::backend::{Backend, Kind, Setup, Tree, TreeMut, Upload};
use crate::context::OpContext;
use crate::error::Error;
use crate::file_bytes::FileBytes;
use crate::files::{Deletion, FileEntry, FilePage, PageRequest, Progress, ReadRequest, TreeCapabilities};
use crate::probe::{Checks, Stopped};
use crate::scan::{self, ScanOptions, ScanProgress, ScanReport};
use crate::settings::Settings;
use crate::web::{Client, Limits};

mod discover;
mod encoding;
mod messages;
mod place;
mod probe;
mod service;
mod sign;
mod tree;
mod upload;
pub mod xml;

pub use discover::{Bucket, Buckets, LeftOut, buckets};
use service::Service;
use tree::ObjectTree;
use upload::ObjectUpload;

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
#[derive(Clone)]
pub struct S3Backend {
    service: Arc<Service>,
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
            service: Arc::new(Service::of_bucket(config, limits, settings.network.clone())?),
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

    fn as_tree_mut(&self) -> Option<&dyn TreeMut> {
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

    /// Conditions are taken to be met until the first one shows that the server ignores or refuses them.
    fn capabilities(&self) -> TreeCapabilities {
        TreeCapabilities {
            ranges: true,
            write: self.service.signs(),
            rename: false,
            conditional: self.service.conditions.are_honoured(),
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

    async fn read(&self, cx: &OpContext, path: &FilePath, request: &ReadRequest) -> Result<FileBytes, Error> {
        let tree = ObjectTree::for_files(self, cx);
        cx.bound("the file", tree.read(path, request))
            .await?
            .map(FileBytes::from)
    }
}

/// A directory is whatever keys have before a slash, and one that is made is an empty object whose key ends in one. A key
/// that is a prefix too is the file.
#[async_trait]
impl TreeMut for S3Backend {
    async fn make_directory(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        let tree = ObjectTree::for_changes(self, cx, self.service.client())?;
        cx.bound("the directory", tree.make_directory(path)).await?
    }

    async fn delete(
        &self,
        cx: &OpContext,
        path: &FilePath,
        deletion: Deletion,
        progress: &Progress,
    ) -> Result<(), Error> {
        let tree = ObjectTree::for_changes(self, cx, self.service.client())?;
        cx.bound("the deletion", tree.delete(path, deletion, progress))
            .await?
    }

    /// Copies and deletes key by key. Other clients can race: few servers copy on a condition.
    async fn rename(
        &self,
        cx: &OpContext,
        from: &FilePath,
        to: &FilePath,
        progress: &Progress,
    ) -> Result<(), Error> {
        let connector = self.service.connector().for_long_work();
        let tree = ObjectTree::for_changes(self, cx, Client::new(connector, None))?;
        cx.bound("the move", tree.rename(from, to, progress)).await?
    }

    fn upload(&self, path: &FilePath) -> Box<dyn Upload> {
        Box::new(ObjectUpload::new(self, path))
    }

    async fn resume(&self, cx: &OpContext, path: &FilePath, record: &str) -> Result<Box<dyn Upload>, Error> {
        Ok(Box::new(ObjectUpload::resume(self, cx, path, record).await?))
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
