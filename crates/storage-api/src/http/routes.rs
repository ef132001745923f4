//! The route table: every path and method, and all that is known of each.

mod boot;
mod changes;
mod files;
mod uploads;

pub(super) use files::FILES;

use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use storage_domain::Role::{Admin, Operator, Viewer};

use super::boundary::{cross, short_method};
use super::handlers::{audit, backends, discover, docs, health, index, luns, problems};
use super::parameter::Parameter::{
    Action, Actor, Backend, Before, Force, IfMatch, IfNoneMatch, Limit, ListLimit, Name, Offset, Portal,
    Server, Since, Status, Type,
};
use super::route::Body::{Ignored, Json};
use super::route::Class::{Change, Probe, Read};
use super::route::{Content, Policies, Route};
use super::state::State;
use crate::error::ApiError;
use crate::problem::Code::{
    BackendBusy, BackendChanged, BackendNotFound, BackendStuck, BackendUnreadable, DiscoveryFailed,
    InvalidConfig, InvalidQuery, LunsNotAvailable, NameTaken, NotFound, NotReady, OperationInProgress,
    PreconditionFailed, ShuttingDown, TooBusy, UnmountFailed,
};
use crate::problem::{Code, Problem};

const BACKENDS: &str = "/api/v1/storage/backends";
const BACKEND: &str = "/api/v1/storage/backends/{id}";

/// The problems of whatever reads one backend.
pub(super) const ONE: &[Code] = &[BackendNotFound, BackendUnreadable];
/// The problems of a change or delete of a backend that exists.
const CHANGING: &[Code] = &[
    BackendBusy,
    OperationInProgress,
    PreconditionFailed,
    BackendStuck,
    UnmountFailed,
    ShuttingDown,
];
/// The problems of whatever asks storage that is not mounted.
const ASKING: &[Code] = &[DiscoveryFailed, TooBusy, ShuttingDown];

/// Returns every route. Routes of one path stand together.
pub(crate) fn table() -> Vec<Route> {
    [
        backends(),
        files::table(),
        changes::files(),
        changes::jobs(),
        uploads::table(),
        boot::table(),
        storage(),
        service(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn backends() -> Vec<Route> {
    vec![
        Route::new(Method::GET, BACKENDS, backends::list)
            .named("listBackends", "Lists the backends, the oldest first")
            .does(Read, Viewer, "backend.list")
            .with(&[Type, Status, Name, Limit, Offset])
            .json(200, "BackendListResponse", "The backends.")
            .fails(&[&[InvalidQuery]]),
        Route::new(Method::POST, BACKENDS, backends::create)
            .named("createBackend", "Registers a backend")
            .does(Change, Admin, "backend.create")
            .body(Json("BackendCreate"))
            .json(201, "BackendCreatedResponse", "The new backend.")
            .headers(&["Location", "ETag"])
            .fails(&[&[InvalidConfig, NameTaken]]),
        Route::new(Method::GET, BACKEND, backends::get)
            .named("getBackend", "Returns one backend")
            .does(Read, Viewer, "backend.read")
            .with(&[IfNoneMatch, IfMatch])
            .json(200, "BackendResponse", "The backend.")
            .headers(&["ETag"])
            .not_modified()
            .fails(&[ONE, &[PreconditionFailed]]),
        Route::new(Method::PATCH, BACKEND, backends::update)
            .named(
                "updateBackend",
                "Changes a backend; a change of the config unmounts what was mounted under the old one",
            )
            .does(Change, Admin, "backend.update")
            .with(&[IfMatch, IfNoneMatch])
            .body(Json("BackendUpdate"))
            .json(200, "BackendUpdatedResponse", "The backend as it is now.")
            .headers(&["ETag"])
            .fails(&[ONE, CHANGING, &[InvalidConfig, NameTaken, BackendChanged]]),
        Route::new(Method::DELETE, BACKEND, backends::delete)
            .named("deleteBackend", "Unmounts a backend and deletes it")
            .does(Change, Admin, "backend.delete")
            .with(&[Force, IfMatch, IfNoneMatch])
            .body(Ignored)
            .json(200, "BackendDeletedResponse", "The id of the deleted backend.")
            .fails(&[ONE, CHANGING, &[InvalidQuery]]),
        Route::new(Method::POST, "/api/v1/storage/backends/{id}/test", backends::test)
            .named(
                "testBackend",
                "Tests a backend and mounts it if it can be mounted; tests at the same time share one run",
            )
            .does(Probe, Operator, "backend.test")
            .body(Ignored)
            .json(200, "TestResponse", "The result, passed or not.")
            .headers(&["Retry-After"])
            .fails(&[
                ONE,
                &[
                    BackendChanged,
                    OperationInProgress,
                    TooBusy,
                    BackendStuck,
                    ShuttingDown,
                ],
            ]),
        Route::new(Method::GET, "/api/v1/storage/backends/{id}/luns", backends::luns)
            .named(
                "listLuns",
                "Lists the targets of an iSCSI backend and their logical units, as they are now",
            )
            .does(Probe, Operator, "backend.luns")
            .json(200, "TargetListResponse", "The targets.")
            .fails(&[ONE, ASKING, &[LunsNotAvailable]]),
    ]
}

fn storage() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/storage/test", backends::try_config)
            .named(
                "testConfig",
                "Tests a config; nothing is stored and nothing stays mounted",
            )
            .does(Probe, Operator, "config.test")
            .body(Json("ConfigTest"))
            .json(200, "TestResponse", "The result, passed or not.")
            .fails(&[ONE, &[InvalidConfig, TooBusy, ShuttingDown]]),
        Route::new(Method::GET, "/api/v1/storage/luns", luns::list)
            .named(
                "listLogicalUnits",
                "Lists the logical units that the last test of each iSCSI backend saw",
            )
            .does(Read, Viewer, "lun.list")
            .json(200, "LogicalUnitListResponse", "The logical units."),
        Route::new(Method::GET, "/api/v1/storage/discover/iscsi", discover::iscsi)
            .named(
                "discoverIscsi",
                "Lists the targets that a portal offers without a password",
            )
            .does(Probe, Operator, "discover.iscsi")
            .with(&[Portal])
            .json(200, "TargetListResponse", "The targets.")
            .fails(&[ASKING, &[InvalidQuery]]),
        Route::new(Method::GET, "/api/v1/storage/discover/nfs", discover::nfs)
            .named(
                "discoverNfs",
                "Lists the exports of a server, as its mount daemon reports them",
            )
            .does(Probe, Operator, "discover.nfs")
            .with(&[Server])
            .json(200, "ExportListResponse", "The exports.")
            .fails(&[ASKING, &[InvalidQuery]]),
        Route::new(Method::POST, "/api/v1/storage/discover/s3", discover::s3)
            .named(
                "discoverS3",
                "Lists the buckets that a key may see; nothing of the body is stored",
            )
            .does(Probe, Operator, "discover.s3")
            .body(Json("S3Account"))
            .json(200, "BucketListResponse", "The buckets.")
            .fails(&[ASKING]),
        Route::new(Method::GET, "/api/v1/storage/audit", audit::list)
            .named(
                "listAudit",
                "Lists who did what: changes, tests, discoveries and what was refused, the newest first",
            )
            .does(Read, Admin, "audit.read")
            .with(&[ListLimit, Before, Since, Backend, Actor, Action])
            .json(200, "AuditListResponse", "The records.")
            .fails(&[&[InvalidQuery]]),
    ]
}

fn service() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/", index::page)
            .named("index", "Shows where the documentation is")
            .answer(200, Content::Html, "A page that links to /docs/."),
        Route::new(Method::GET, "/api/v1/openapi.json", docs::openapi)
            .named("openapi", "Returns this document")
            .with(&[IfNoneMatch, IfMatch])
            .json(200, "OpenApi", "This document.")
            .headers(&["ETag"])
            .not_modified()
            .fails(&[&[PreconditionFailed]]),
        Route::new(Method::GET, "/docs", docs::redirect)
            .named("redirectToDocs", "Leads to Swagger UI")
            .answer(308, Content::None, "Swagger UI is at /docs/.")
            .headers(&["Location"])
            .fails(&[&[NotFound]]),
        Route::new(Method::GET, "/docs/{file:.*}", docs::swagger_ui)
            .named("docs", "Shows Swagger UI")
            .answer(200, Content::None, "A file of Swagger UI.")
            .fails(&[&[NotFound]]),
        Route::new(Method::GET, "/problems/{code}", problems::get)
            .named("problem", "Explains the code of a problem")
            .json(200, "ProblemCodeResponse", "The meaning of the code.")
            .fails(&[&[NotFound]]),
        Route::new(Method::GET, "/healthz", health::alive)
            .named("healthz", "Answers as long as the process does")
            .json(200, "HealthResponse", "The process answers."),
        Route::new(Method::GET, "/readyz", health::ready)
            .named(
                "readyz",
                "Answers if the database does and its schema is up to date",
            )
            .json(200, "HealthResponse", "The service is ready.")
            .fails(&[&[NotReady, ShuttingDown]]),
    ]
}

/// Puts the table into an application, and the boundary around all of it. Other paths are not found.
pub(crate) fn configure(config: &mut ServiceConfig, state: &State) {
    let boundary = |policies: Policies| {
        let state = state.clone();
        from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            cross(state.clone(), policies.clone(), request, next)
        })
    };
    let mut routes = table().into_iter().peekable();
    while let Some(first) = routes.next() {
        let (path, mut policies) = (first.path, vec![first.policy]);
        let mut resource = web::resource(path).route(first.service);
        while let Some(route) = routes.next_if(|route| route.path == path) {
            policies.push(route.policy);
            resource = resource.route(route.service);
        }
        let policies = Policies::new(policies);
        let allowed = policies.methods();
        let refuse = move |request: HttpRequest| {
            let refusal = not_allowed(&request, &allowed);
            async move { Err::<String, ApiError>(refusal) }
        };
        let resource = resource.default_service(web::to(refuse));
        config.service(resource.wrap(boundary(policies)));
    }
    let nothing = boundary(Policies::new(Vec::new()));
    config.default_service(web::to(not_found).wrap(nothing));
}

fn not_allowed(request: &HttpRequest, allow: &str) -> ApiError {
    let detail = format!(
        "{} is not allowed here; use one of {allow}",
        short_method(request)
    );
    Problem::new(Code::MethodNotAllowed, detail)
        .with_header("allow", allow)
        .into()
}

async fn not_found() -> Result<String, ApiError> {
    let detail = "There is nothing at this path; the API is described at /docs/";
    Err(ApiError::new(Code::NotFound, detail))
}
