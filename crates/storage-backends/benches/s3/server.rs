//! A server of 100,000 objects in memory, in a process of its own.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, Object, Timestamp};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;

/// Makes this program the server.
pub(crate) const ARG: &str = "--serve";
/// How many objects each bucket has.
pub(crate) const OBJECTS: u64 = 100_000;
/// All objects at the top; and in 10 directories, each of 100 directories.
pub(crate) const BUCKETS: [&str; 2] = ["flat", "deep"];
/// The key, and the variable of the surroundings that its secret is in.
pub(crate) const KEY: &str = "AKBENCH";
pub(crate) const SECRET_VARIABLE: &str = "S3_BENCH_SECRET";
pub(crate) const SECRET: &str = "a-secret-of-the-benchmark";
const PAGE: usize = 1000;
const SIZE: i64 = 4096;

/// What is in one bucket.
pub(crate) fn total_bytes() -> u64 {
    OBJECTS * SIZE.unsigned_abs()
}

/// A running server, ended when it is dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) fn start() -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "what is measured is started here")]
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARG)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let port = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves for good, and prints the port first.
pub(crate) fn serve() -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        let mut builder = S3ServiceBuilder::new(Memory::new());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(exchange(TokioIo::new(stream), service.clone()));
        }
    })
}

async fn exchange(stream: TokioIo<tokio::net::TcpStream>, service: S3Service) {
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(stream, service)
        .await;
}

/// The keys of each bucket, in order.
struct Memory {
    flat: Vec<String>,
    deep: Vec<String>,
}

impl Memory {
    fn new() -> Self {
        let deep = |n| format!("p{}/{:04}/image-{n:06}.iso", n / 10_000, n / 100);
        Self {
            flat: (0..OBJECTS).map(|n| format!("image-{n:06}.iso")).collect(),
            deep: (0..OBJECTS).map(deep).collect(),
        }
    }

    fn page(&self, asked: &ListObjectsV2Input) -> Option<ListObjectsV2Output> {
        let keys = match asked.bucket.as_str() {
            "flat" => &self.flat,
            "deep" => &self.deep,
            _ => return None,
        };
        let prefix = asked.prefix.as_deref().unwrap_or_default();
        let token = asked.continuation_token.as_deref().unwrap_or_default();
        let max = asked
            .max_keys
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(PAGE)
            .min(PAGE);
        let mut at = keys.partition_point(|key| key.as_str() < prefix || key.as_str() <= token);
        let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
        while let Some(key) = keys.get(at).filter(|key| key.starts_with(prefix)) {
            if contents.len() + prefixes.len() == max {
                break;
            }
            let rest = &key[prefix.len()..];
            let delimiter = asked.delimiter.as_deref().filter(|d| !d.is_empty());
            let common = delimiter.and_then(|d| rest.find(d).map(|end| &key[..prefix.len() + end + d.len()]));
            if let Some(common) = common {
                at += keys[at..].partition_point(|key| key.starts_with(common));
                let prefix = Some(common.to_owned());
                prefixes.push(CommonPrefix { prefix });
            } else {
                contents.push(object(key));
                at += 1;
            }
        }
        let more = keys.get(at).is_some_and(|key| key.starts_with(prefix));
        Some(ListObjectsV2Output {
            name: Some(asked.bucket.clone()),
            prefix: asked.prefix.clone(),
            key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
            is_truncated: Some(more),
            next_continuation_token: more.then(|| keys[at - 1].clone()),
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..ListObjectsV2Output::default()
        })
    }
}

fn object(key: &str) -> Object {
    Object {
        key: Some(key.to_owned()),
        size: Some(SIZE),
        last_modified: Some(Timestamp::from(std::time::SystemTime::UNIX_EPOCH)),
        ..Object::default()
    }
}

#[async_trait::async_trait]
impl S3 for Memory {
    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        match self.page(&request.input) {
            Some(page) => Ok(S3Response::new(page)),
            None => Err(s3_error!(NoSuchBucket)),
        }
    }
}
