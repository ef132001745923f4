//! A bucket of files, served by s3s in this process; it verifies signatures.

use std::fs;
use std::path::Path;

use hyper_util::rt::TokioIo;
use rstest::rstest;
use s3s::auth::SimpleAuth;
use s3s::host::SingleDomain;
use s3s::service::{S3Service, S3ServiceBuilder};
use serde_json::{Value, json};
use storage_domain::Outcome;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::s3::trees::{DIRECTORIES, OBJECTS, TEMPLATES, bytes};
use crate::s3::{CANARY, backend, check, config, failure, probe, scan, with};

pub(crate) const KEY: &str = "AKTESTS";
pub(crate) const BUCKET: &str = "images";

/// A server and its files.
pub(crate) struct Server {
    dir: TempDir,
    port: u16,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::of(None).await
    }

    /// Starts one that finds buckets in host names below a domain.
    pub(crate) async fn with_domain(domain: &str) -> Self {
        Self::of(Some(SingleDomain::new(domain).unwrap())).await
    }

    async fn of(domain: Option<SingleDomain>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(dir.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, CANARY));
        if let Some(domain) = domain {
            builder.set_host(domain);
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve(listener, builder.build()));
        Self { dir, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn config(&self) -> Value {
        config(&self.url(), BUCKET, KEY)
    }

    pub(crate) fn put(&self, key: &str, size: u64) {
        put(&self.dir.path().join(BUCKET), key, size);
    }
}

fn put(bucket: &Path, key: &str, size: u64) {
    let path = bucket.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(&path).unwrap().set_len(size).unwrap();
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

#[tokio::test]
async fn passes_and_counts() {
    let server = Server::start().await;
    for (key, size) in OBJECTS {
        server.put(key, size);
    }
    let backend = backend(server.config());
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    for (name, says) in [
        ("credentials", "did not refuse the access key"),
        ("bucket", "There is the bucket images"),
        ("list", "Objects can be listed"),
        ("clock", "differ by 0 s"),
    ] {
        assert!(check(&report, name).detail.contains(says), "{report:#?}");
    }
    assert_eq!(check(&report, "cdn").outcome, Outcome::Skipped);
    let counted = scan(&backend).await;
    assert_eq!((counted.errors, &counted.first_error), (0, &None));
    assert_eq!(counted.files, OBJECTS.len() as u64);
    assert_eq!(counted.bytes.unwrap().get(), bytes());
    assert_eq!(counted.templates, TEMPLATES);
    assert_eq!(counted.directories, DIRECTORIES);
}

#[rstest]
#[case("sub dir/", 2, 2)]
#[case("sub", 3, 4)]
#[case("plain", 1, 1)]
#[case("none/", 0, 1)]
#[tokio::test]
async fn prefixes(#[case] prefix: &str, #[case] files: u64, #[case] directories: u64) {
    let server = Server::start().await;
    for (key, size) in OBJECTS {
        server.put(key, size);
    }
    let backend = backend(with(server.config(), &json!({ "prefix": prefix })));
    assert!(probe(&backend).await.passed());
    let counted = scan(&backend).await;
    assert_eq!((counted.files, counted.directories), (files, directories));
}

#[rstest]
#[case::key(json!({ "access_key_id": "AKOTHER" }), "credentials", "does not know the access key")]
#[case::secret(json!({ "secret_access_key": "canary-hush-other" }), "credentials", "secret_access_key does not belong to access_key_id")]
#[case::bucket(json!({ "bucket": "missing" }), "bucket", "has no bucket missing")]
#[case::no_secret(json!({ "secret_access_key": null }), "list", "set secret_access_key")]
#[tokio::test]
async fn what_is_refused(#[case] wrong: Value, #[case] name: &str, #[case] says: &str) {
    let server = Server::start().await;
    let report = probe(&backend(with(server.config(), &wrong))).await;
    let failed = failure(&report);
    assert_eq!(failed.0, name, "{report:#?}");
    assert!(failed.1.contains(says), "{}", failed.1);
}
