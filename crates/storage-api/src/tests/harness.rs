//! An application for one test.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{App as WebApp, test};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use storage_backends::Settings;
use storage_backends::testkit::FakeBackend;
use storage_backends::{Backend as LiveBackend, Registry};
use storage_domain::{BackendConfig, BackendKind};
use storage_persistence::Store;
use storage_persistence::testkit::{TestDatabase, TestDatabaseKind};
use tokio::runtime::Handle;

use super::document;
use crate::{Access, App, AppSettings, Boot, configure_booting};

/// Answers requests as the application does.
type Serve = Rc<dyn Fn(test::TestRequest) -> LocalBoxFuture<'static, ServiceResponse>>;

/// An application over a database of its own.
pub(crate) struct Api {
    pub(crate) app: Arc<App>,
    pub(crate) store: Store,
    pub(crate) access: Arc<Access>,
    /// What machines boot from; set before `access`, if there is a listener.
    pub(crate) boot: Option<Arc<Boot>>,
    /// Made once, and again if `access` is another one: to compile the routes takes longer than most requests.
    serve: RefCell<Option<(Arc<Access>, Serve)>>,
    pub(crate) database: TestDatabase,
}

/// What the application answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// All bytes; `None` if the body broke off.
    pub(crate) content: Option<Bytes>,
}

impl Api {
    /// Backends that work, without facets.
    pub(crate) async fn healthy() -> Self {
        Self::with(|config| Arc::new(FakeBackend::healthy(config.kind()))).await
    }

    /// Backends that `build` makes.
    pub(crate) async fn with(
        build: impl Fn(&BackendConfig) -> Arc<dyn LiveBackend> + Send + Sync + 'static,
    ) -> Self {
        let settings = AppSettings {
            watch_interval: None,
            ..Self::settings()
        };
        Self::set(settings, build).await
    }

    /// What bounds the use cases in tests.
    pub(crate) fn settings() -> AppSettings {
        AppSettings {
            test_deadline: Duration::from_secs(20),
            scan_wait: Duration::from_secs(1),
            unmount_deadline: Duration::from_secs(5),
            unmount_at_stop: true,
            ..AppSettings::default()
        }
    }

    /// Backends that `build` makes, with these settings.
    pub(crate) async fn set(
        settings: AppSettings,
        build: impl Fn(&BackendConfig) -> Arc<dyn LiveBackend> + Send + Sync + 'static,
    ) -> Self {
        Self::working_on(&Handle::current(), settings, build).await
    }

    /// As [`Api::set`], with background work on this runtime.
    pub(crate) async fn working_on(
        runtime: &Handle,
        settings: AppSettings,
        build: impl Fn(&BackendConfig) -> Arc<dyn LiveBackend> + Send + Sync + 'static,
    ) -> Self {
        let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
        let store = database.store().clone();
        let registry =
            Registry::with_builder(Settings::new(None), move |_, config| Ok(build(config))).unwrap();
        Self {
            app: App::new(store.clone(), registry, settings, runtime.clone()),
            store,
            access: Arc::new(Access::off()),
            boot: None,
            serve: RefCell::default(),
            database,
        }
    }

    /// What machines boot from: without a listener, unless there is one.
    pub(crate) fn boot(&self) -> Arc<Boot> {
        let none = || {
            let (app, access) = (Arc::clone(&self.app), Arc::clone(&self.access));
            Boot::new(app, access, Vec::new(), Vec::new())
        };
        self.boot.clone().unwrap_or_else(none)
    }

    async fn serve(&self) -> Serve {
        if let Some((access, serve)) = &*self.serve.borrow()
            && Arc::ptr_eq(access, &self.access)
        {
            return Rc::clone(serve);
        }
        let (app, access) = (Arc::clone(&self.app), Arc::clone(&self.access));
        let configure = configure_booting(app, access, self.boot());
        let service = Rc::new(test::init_service(WebApp::new().configure(configure)).await);
        let serve: Serve = Rc::new(move |request| {
            let service = Rc::clone(&service);
            async move { test::call_service(&*service, request.to_request()).await }.boxed_local()
        });
        self.serve
            .replace(Some((Arc::clone(&self.access), Rc::clone(&serve))));
        serve
    }

    /// Sends a request and checks what is true of every answer.
    pub(crate) async fn send(&self, request: test::TestRequest) -> Answer {
        let serve = self.serve().await;
        let response = serve(request).await;
        let asked = response.request();
        let (method, path) = (asked.method().clone(), asked.path().to_owned());
        let (status, headers) = (response.status(), response.headers().clone());
        let content = test::try_read_body(response).await.ok();
        let is_json = headers
            .get(CONTENT_TYPE)
            .is_some_and(|t| t.to_str().unwrap().ends_with("json"));
        let body = if is_json {
            serde_json::from_slice(content.as_ref().unwrap()).unwrap()
        } else {
            Value::Null
        };
        let answer = Answer {
            status,
            headers,
            body,
            content,
        };
        answer.check(&method, &path);
        answer
    }

    /// A call as the web UI makes it: always with a content type.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = test::TestRequest::default()
            .method(method.parse().unwrap())
            .uri(path)
            .insert_header((CONTENT_TYPE, "application/json"));
        if let Some(body) = body {
            request = request.set_payload(body.to_string());
        }
        self.send(request).await
    }

    /// Creates a backend of this kind and answers its path.
    pub(crate) async fn create(&self, name: &str, kind: BackendKind) -> String {
        let body = json!({"name": name, "type": kind, "config": config(kind)});
        let answer = self.call("POST", BACKENDS, Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("location").to_owned()
    }
}

pub(crate) const BACKENDS: &str = "/api/v1/storage/backends";

/// A valid config of a kind.
pub(crate) fn config(kind: BackendKind) -> Value {
    Value::Object(kind.example())
}

impl Answer {
    /// Checks what a refusal says, and which members it points at.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str, pointers: &[&str]) {
        let body = &self.body;
        assert_eq!(
            (self.status.as_u16(), &body["error"]),
            (status, &json!(code)),
            "{body}"
        );
        let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let found: Vec<_> = errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(found, pointers);
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// The body without what differs from run to run.
    pub(crate) fn stable(&self) -> Value {
        let mut body = self.body.clone();
        steady(&mut body);
        body
    }

    fn check(&self, method: &Method, path: &str) {
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert!(!self.header("x-request-id").is_empty());
        if self.status.is_client_error() || self.status.is_server_error() {
            assert_eq!(self.header("content-type"), "application/problem+json");
            assert_eq!(self.body["success"], false);
            assert_eq!(self.body["status"], self.status.as_u16());
            assert_eq!(self.body["instance"], path);
            assert_eq!(self.body["request_id"], self.header("x-request-id"));
            assert!(self.body["detail"].as_str().is_some_and(|d| !d.is_empty()));
        }
        document::assert_documented(method, path, self.status.as_u16(), &self.body);
    }
}

fn steady(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(steady),
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), &member) {
                    (
                        "id" | "created_at" | "updated_at" | "at" | "request_id" | "instance",
                        Value::String(_),
                    ) => {
                        *member = format!("[{key}]").into();
                    }
                    ("duration_ms", Value::Number(_)) => *member = 0.into(),
                    _ => steady(member),
                }
            }
        }
        _ => {}
    }
}
