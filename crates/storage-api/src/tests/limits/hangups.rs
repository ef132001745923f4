//! A client that hangs up has its turn until the work that it asked for ends.

use std::sync::Arc;

use actix_web::App as WebApp;
use actix_web::http::Method;
use actix_web::test::{self, TestRequest};
use async_trait::async_trait;
use serde_json::json;
use storage_backends::testkit::FakeBackend;
use storage_backends::{Backend, Error, ErrorKind, Luns, OpContext};
use storage_domain::{BackendKind, IscsiTarget, ProbeReport, Role};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::settings;
use crate::tests::access::{token, with};
use crate::tests::concurrency::until;
use crate::tests::harness::Api;
use crate::{Access, Auth, LimitSettings, configure_guarded};

/// One test or discovery at once.
fn limit(api: &mut Api) {
    let limits = LimitSettings {
        tests: 1,
        ..LimitSettings::default()
    };
    let settings = settings(Auth::Required, limits);
    let access = Access::new(api.store.clone(), settings, Handle::current());
    api.access = Arc::new(access.unwrap());
}

async fn status(api: &Api, secret: &str, method: &Method, path: &str) -> u16 {
    let answer = with(api, method, path, &format!("Bearer {secret}")).await;
    answer.status.as_u16()
}

/// Sends a request, and hangs up once this has come about.
async fn hang_up(api: &Api, secret: &str, method: &Method, path: &str, once: impl Future) {
    let configure = configure_guarded(Arc::clone(&api.app), Arc::clone(&api.access));
    let service = test::init_service(WebApp::new().configure(configure)).await;
    let request = TestRequest::default()
        .method(method.clone())
        .uri(path)
        .insert_header(("authorization", format!("Bearer {secret}")));
    tokio::select! {
        _ = test::call_service(&service, request.to_request()) => panic!("it is answered before it is done"),
        _ = once => {}
    }
}

#[actix_web::test]
async fn of_a_discovery() {
    let mut api = Api::healthy().await;
    limit(&mut api);
    let (first, second) = (token(&api, Role::Operator).await, token(&api, Role::Admin).await);
    let portal = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = portal.local_addr().unwrap();
    let path = format!("/api/v1/storage/discover/iscsi?portal={address}");
    let mut silent = None;
    let connected = async { silent = portal.accept().await.ok() };
    hang_up(&api, &first, &Method::GET, &path, connected).await;
    drop(portal);
    assert_eq!(status(&api, &first, &Method::GET, &path).await, 429);
    assert_eq!(
        status(&api, &second, &Method::GET, &path).await,
        502,
        "it is another client"
    );
    drop(silent);
    until("the end of the discovery", async || {
        status(&api, &first, &Method::GET, &path).await == 502
    })
    .await;
}

#[actix_web::test]
async fn of_a_test_and_not_of_one_that_it_joined() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).hanging());
    let calls = fake.calls();
    let mut api = Api::with(move |config| match config.kind() {
        BackendKind::Nfs => fake.clone(),
        other => Arc::new(FakeBackend::healthy(other)),
    })
    .await;
    let hangs = &format!("{}/test", api.create("hangs", BackendKind::Nfs).await);
    let well = &format!("{}/test", api.create("well", BackendKind::Http).await);
    limit(&mut api);
    let (first, second) = (token(&api, Role::Operator).await, token(&api, Role::Admin).await);
    let began = until("the probe", async || calls.under_way() == 1);
    hang_up(&api, &first, &Method::POST, hangs, began).await;
    // The second one joins: it has its turn as long as it waits, and no longer.
    let at_work = async |clients: usize| {
        let what = format!("{clients} at work");
        until(&what, async || api.access.clients_at_work() == clients).await;
    };
    at_work(1).await;
    hang_up(&api, &second, &Method::POST, hangs, at_work(2)).await;
    at_work(1).await;
    assert_eq!(status(&api, &second, &Method::POST, well).await, 200);

    assert_eq!(status(&api, &first, &Method::POST, well).await, 429);
    let path = hangs.trim_end_matches("/test");
    let change = TestRequest::patch()
        .uri(path)
        .insert_header(("authorization", format!("Bearer {second}")))
        .insert_header(("content-type", "application/json"))
        .set_payload(json!({"config": {"server": "other"}}).to_string());
    assert_eq!(api.send(change).await.status, 200);
    assert_eq!(status(&api, &first, &Method::POST, well).await, 200);
}

/// A portal that answers when it is let.
#[derive(Debug)]
struct Portal {
    asked: Semaphore,
    answers: Semaphore,
}

#[async_trait]
impl Backend for Portal {
    fn kind(&self) -> BackendKind {
        BackendKind::Iscsi
    }

    async fn probe(&self, _: &OpContext) -> Result<ProbeReport, Error> {
        Err(Error::new(ErrorKind::Timeout, "the probe"))
    }

    fn as_luns(&self) -> Option<&dyn Luns> {
        Some(self)
    }
}

#[async_trait]
impl Luns for Portal {
    async fn luns(&self, cx: &OpContext) -> Result<Vec<IscsiTarget>, Error> {
        self.asked.add_permits(1);
        let answer = cx.bound("the list", self.answers.acquire()).await?;
        answer.unwrap().forget();
        Ok(Vec::new())
    }
}

#[actix_web::test]
async fn of_a_list_of_logical_units() {
    let portal = Arc::new(Portal {
        asked: Semaphore::new(0),
        answers: Semaphore::new(0),
    });
    let built = Arc::clone(&portal);
    let mut api = Api::with(move |_| built.clone()).await;
    let path = format!("{}/luns", api.create("san", BackendKind::Iscsi).await);
    limit(&mut api);
    let held = token(&api, Role::Operator).await;
    hang_up(&api, &held, &Method::GET, &path, portal.asked.acquire()).await;
    assert_eq!(status(&api, &held, &Method::GET, &path).await, 429);
    portal.answers.add_permits(2);
    until("the end of the list", async || {
        status(&api, &held, &Method::GET, &path).await == 200
    })
    .await;
}
