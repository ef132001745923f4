//! What could be registered, as it is shown.

use serde::Serialize;
use storage_backends::nfs::exports::Export;
use storage_backends::s3::Bucket;

/// A bucket of an account.
#[derive(Debug, Serialize)]
pub(crate) struct BucketDto<'a> {
    name: &'a str,
}

/// A directory that a server exports.
#[derive(Debug, Serialize)]
pub(crate) struct ExportDto<'a> {
    path: &'a str,
    clients: &'a str,
}

impl<'a> From<&'a Bucket> for BucketDto<'a> {
    fn from(bucket: &'a Bucket) -> Self {
        Self {
            name: bucket.name.as_str(),
        }
    }
}

impl<'a> From<&'a Export> for ExportDto<'a> {
    fn from(export: &'a Export) -> Self {
        Self {
            path: export.path.as_str(),
            clients: &export.clients,
        }
    }
}
