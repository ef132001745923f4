//! A bucket in memory that can be written to, served by s3s in this process; it verifies signatures.

mod faults;
mod objects;
mod pages;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use s3s::auth::SimpleAuth;
use s3s::crypto::{Checksum as _, Md5};
use s3s::service::S3ServiceBuilder;
use serde_json::Value;

use crate::s3::{CANARY, config};

pub(crate) use faults::Fault;
pub(crate) use objects::Honours;

pub(crate) const KEY: &str = "AKSTORE";
pub(crate) const BUCKET: &str = "images";

/// What the server holds.
#[derive(Debug, Default)]
struct Contents {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, BTreeMap<i32, Object>>,
    begun: usize,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Bytes,
    etag: String,
    modified: std::time::SystemTime,
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Store {
    port: u16,
    contents: Arc<Mutex<Contents>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Store {
    pub(crate) async fn start() -> Self {
        Self::with(Honours::All, |_| Fault::None).await
    }

    /// Starts one that honours these conditions; `fault` decides on each request, of which it gets the method, the
    /// parameters, and how many were like it before: `PUT uploadId 0`.
    pub(crate) async fn with(
        honours: Honours,
        fault: impl Fn(&str) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let contents = Arc::new(Mutex::new(Contents::default()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut builder = S3ServiceBuilder::new(objects::Server::new(Arc::clone(&contents), honours));
        builder.set_auth(SimpleAuth::from_single(KEY, CANARY));
        let port = faults::serve(builder.build(), Arc::clone(&asked), fault).await;
        Self {
            port,
            contents,
            asked,
        }
    }

    pub(crate) fn config(&self) -> Value {
        config(&format!("http://127.0.0.1:{}", self.port), BUCKET, KEY)
    }

    pub(crate) fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let object = Object::new(bytes.into());
        let mut contents = self.contents.lock().unwrap();
        contents.objects.insert(key.to_owned(), object);
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let contents = self.contents.lock().unwrap();
        contents.objects.keys().cloned().collect()
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<Bytes> {
        let contents = self.contents.lock().unwrap();
        contents.objects.get(key).map(|object| object.bytes.clone())
    }

    /// How many uploads are not completed.
    pub(crate) fn uploads(&self) -> usize {
        self.contents.lock().unwrap().uploads.len()
    }

    /// How many requests there were of a method with a parameter, or with none of S3's.
    pub(crate) fn asked(&self, kind: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|other| *other == kind).count()
    }
}

impl Object {
    fn new(bytes: Bytes) -> Self {
        Self {
            etag: format!("{:032x}", u128::from_be_bytes(Md5::checksum(&bytes))),
            bytes,
            modified: std::time::SystemTime::now(),
        }
    }
}
