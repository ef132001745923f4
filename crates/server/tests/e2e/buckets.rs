//! An S3 service that verifies signatures.

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::service::directory;

pub(crate) const KEY: &str = "AKBUCKETS";
pub(crate) const CANARY: &str = "canary-hush-secret/+=";

/// The service, ended when it is dropped.
pub(crate) struct Buckets {
    /// A directory with one for each bucket.
    pub(crate) files: TempDir,
    _runtime: Runtime,
    pub(crate) url: String,
}

impl Buckets {
    pub(crate) fn start(names: &[&str]) -> Self {
        let files = directory();
        for name in names {
            std::fs::create_dir(files.path().join(name)).expect("a bucket can be made");
        }
        let store = s3s_fs::FileSystem::new(files.path()).expect("the directory is there");
        let mut builder = S3ServiceBuilder::new(store);
        builder.set_auth(SimpleAuth::from_single(KEY, CANARY));
        let runtime = Runtime::new().expect("a runtime can be made");
        let bind = TcpListener::bind(("127.0.0.1", 0));
        let listener = runtime.block_on(bind).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(serve(listener, builder.build()));
        Self {
            files,
            _runtime: runtime,
            url,
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((stream, _)) = listener.accept().await {
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service.clone()));
    }
}
