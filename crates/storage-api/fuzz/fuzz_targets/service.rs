//! The application over a storage in memory.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::App as WebApp;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;
use actix_web::test::{self, TestRequest};
use actix_web::web::Bytes;
use serde_json::json;
use storage_api::{Access, App, AppSettings, configure_guarded};
use storage_backends::testkit::FakeBackend;
use storage_backends::{Registry, Settings};
use storage_domain::BackendKind;
use storage_persistence::testkit::{TestDatabase, TestDatabaseKind};
use tokio::runtime::Handle;

type Serve = Box<dyn Fn(TestRequest) -> Pin<Box<dyn Future<Output = ServiceResponse>>>>;

/// A process of the service.
struct Process {
    app: Arc<App>,
    serve: Serve,
}

/// Two processes of the service, with one database and one backend.
pub struct Service {
    pub storage: Arc<FakeBackend>,
    _database: TestDatabase,
    processes: [Process; 2],
    /// Which of them answers.
    pub active: usize,
    /// The backend's path in URLs.
    pub path: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    pub body: Bytes,
}

impl Service {
    pub async fn new<const N: usize>(files: [(&str, &[u8]); N]) -> Self {
        let kind = BackendKind::S3;
        let storage = Arc::new(FakeBackend::healthy(kind).with_files(files).writable());
        let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
        let processes = [start(&storage, &database).await, start(&storage, &database).await];
        let body = json!({"name": "files", "type": kind, "config": kind.example(), "boot_path": "/boot"});
        let request = TestRequest::post().uri("/api/v1/storage/backends").set_json(body);
        let created = Answer::of((processes[0].serve)(request).await).await;
        let path = created.header("location").to_owned();
        assert!(!path.is_empty(), "{created:?}");
        Self {
            storage,
            _database: database,
            processes,
            active: 0,
            path,
        }
    }

    /// Returns the application of the process that answers.
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.processes[self.active].app)
    }

    /// Sends a request to a path below the backend's.
    pub async fn send(&self, request: TestRequest, path: &str) -> Answer {
        let request = request.uri(&format!("{}{path}", self.path));
        Answer::of((self.processes[self.active].serve)(request).await).await
    }
}

impl Answer {
    async fn of(response: ServiceResponse) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: test::read_body(response).await,
        }
    }

    /// Returns a header field, empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

async fn start(storage: &Arc<FakeBackend>, database: &TestDatabase) -> Process {
    let storage = Arc::clone(storage);
    let build = move |_, _: &_| Ok(Arc::clone(&storage) as Arc<_>);
    let registry = Registry::with_builder(Settings::new(None), build).expect("the settings are right");
    let settings = AppSettings {
        watch_interval: None,
        ..AppSettings::default()
    };
    let app = App::new(database.store().clone(), registry, settings, Handle::current());
    let configure = configure_guarded(Arc::clone(&app), Arc::new(Access::off()));
    let service = Rc::new(test::init_service(WebApp::new().configure(configure)).await);
    let serve = Box::new(move |request: TestRequest| -> Pin<Box<dyn Future<Output = _>>> {
        let service = Rc::clone(&service);
        Box::pin(async move { test::call_service(&*service, request.to_request()).await })
    });
    Process { app, serve }
}
