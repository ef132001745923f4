//! Serves HTTP, and fails where a test wants it.

use std::io;
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::service::S3Service;
use s3s::{Body, HttpError};
use tokio::net::TcpListener;

/// Parameters that tell requests for objects apart.
const PARAMETERS: [&str; 5] = ["partNumber", "uploadId", "uploads", "delete", "list-type"];

/// What happens to a request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    None,
    /// It is answered like this, and nothing is done.
    Refused(u16, &'static str),
    /// It is done, and the connection is closed without an answer.
    Lost,
}

/// Serves until the runtime ends; returns the port.
pub(super) async fn serve(
    service: S3Service,
    asked: Arc<Mutex<Vec<String>>>,
    fault: impl Fn(&str) -> Fault + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let fault = Arc::new(fault);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (service, asked, fault) = (service.clone(), Arc::clone(&asked), Arc::clone(&fault));
            let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                let kind = kind_of(&request);
                let number = {
                    let mut asked = asked.lock().unwrap();
                    let number = asked.iter().filter(|other| **other == kind).count();
                    asked.push(kind.clone());
                    number
                };
                let fault = fault(&format!("{kind} {number}"));
                let service = service.clone();
                async move {
                    match fault {
                        Fault::Refused(status, code) => {
                            let body =
                                format!("<Error><Code>{code}</Code><Message>said so</Message></Error>");
                            let response = Response::builder().status(status);
                            Ok(response.body(Body::from(body)).unwrap())
                        }
                        Fault::None => hyper::service::Service::call(&service, request).await,
                        Fault::Lost => {
                            let _ = hyper::service::Service::call(&service, request).await;
                            Err(HttpError::new(Box::new(io::Error::other("lost"))))
                        }
                    }
                }
            });
            tokio::spawn(async move {
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    port
}

fn kind_of<B>(request: &Request<B>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let has = |name: &&str| query.split('&').any(|pair| pair.split('=').next() == Some(*name));
    match PARAMETERS.iter().find(|name| has(name)) {
        Some(parameter) => format!("{} {parameter}", request.method()),
        None => request.method().to_string(),
    }
}
