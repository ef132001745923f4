//! A server that answers what a test wants.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

/// A request, as a fake sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: String,
    /// The host that the request names.
    pub(crate) host: String,
    /// The path.
    pub(crate) path: String,
    /// The path and the query, as they were sent.
    pub(crate) target: String,
    /// The query, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The `Authorization` header.
    pub(crate) authorization: String,
    /// The `Accept` header.
    pub(crate) accept: String,
    /// Whether only a part is asked for.
    pub(crate) has_range: bool,
    /// The `Range` header.
    pub(crate) range: String,
    /// The `If-Match` header.
    pub(crate) if_match: String,
    /// The object and the range of it that are copied.
    pub(crate) copied: String,
    /// How many requests there were before it.
    pub(crate) number: usize,
}

impl Asked {
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

/// An answer: the status, further header fields, and the body.
pub(crate) type Told<Body = String> = (u16, Vec<(&'static str, String)>, Body);

/// A running fake; it ends with the test's runtime.
pub(crate) struct Fake {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    pub(crate) async fn start<Body: Into<Bytes> + Send + 'static>(
        answer: impl Fn(&Asked) -> Told<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        let connections = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                let service = service_fn(move |request| {
                    let told = answer(&note(&seen, &request));
                    async move { Ok::<_, Infallible>(response(told)) }
                });
                let io = TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        Self {
            port,
            asked,
            connections,
        }
    }

    /// The same fake behind TLS, on a port of its own.
    pub(crate) async fn behind_tls(&self, tls: Arc<ServerConfig>) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (port, plain) = (listener.local_addr().unwrap().port(), self.port);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = TlsAcceptor::from(Arc::clone(&tls));
                tokio::spawn(async move {
                    let Ok(mut outer) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut inner = TcpStream::connect(("127.0.0.1", plain)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                });
            }
        });
        format!("https://127.0.0.1:{port}")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn note(seen: &Mutex<Vec<Asked>>, request: &Request<Incoming>) -> Asked {
    let url = Url::parse(&format!("http://h{}", request.uri())).unwrap();
    let header = |name: &str| request.headers().get(name).map_or("", |v| v.to_str().unwrap());
    let mut seen = seen.lock().unwrap();
    let asked = Asked {
        method: request.method().to_string(),
        host: header("host").to_owned(),
        path: url.path().to_owned(),
        target: request.uri().to_string(),
        query: url.query_pairs().into_owned().collect(),
        authorization: header("authorization").to_owned(),
        accept: header("accept").to_owned(),
        has_range: request.headers().contains_key("range"),
        range: header("range").to_owned(),
        if_match: header("if-match").to_owned(),
        copied: format!(
            "{} {}",
            header("x-amz-copy-source"),
            header("x-amz-copy-source-range")
        ),
        number: seen.len(),
    };
    seen.push(asked.clone());
    asked
}

fn response<Body: Into<Bytes>>((status, headers, body): Told<Body>) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(body.into())).unwrap()
}

/// A refusal as S3 writes one.
pub(crate) fn refusal(status: u16, code: &str, message: &str, more: &str) -> Told {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    );
    (status, vec![("content-type", "application/xml".to_owned())], body)
}

/// A page of a listing.
pub(crate) fn page(inner: &str) -> Told {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>images</Name>{inner}</ListBucketResult>"
    );
    (200, vec![("content-type", "application/xml".to_owned())], body)
}

/// An object of a page.
pub(crate) fn object(key: &str, size: &str) -> String {
    format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>")
}
