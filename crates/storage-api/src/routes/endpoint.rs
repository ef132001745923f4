//! One path of the table.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Handler, HttpRequest, Resource, Responder, Route, web};

use crate::access::{Need, Needs};
use crate::error::ApiError;
use crate::middleware::{boundary, guarded};
use crate::problem::{Code, Problem};

/// A path and the handlers of its methods.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    /// What each method needs.
    pub(crate) needs: Vec<(Method, Need)>,
    routes: Vec<Route>,
}

impl Endpoint {
    pub(crate) fn at(path: &'static str) -> Self {
        Self {
            path,
            needs: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// Answers GET, and HEAD with the same header.
    pub(crate) fn get<F, Args>(self, need: Need, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, need, web::get().to(handler.clone())).on(
            Method::HEAD,
            need,
            web::head().to(handler),
        )
    }

    pub(crate) fn post<F, Args>(self, need: Need, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, need, web::post().to(handler))
    }

    pub(crate) fn patch<F, Args>(self, need: Need, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PATCH, need, web::patch().to(handler))
    }

    pub(crate) fn delete<F, Args>(self, need: Need, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::DELETE, need, web::delete().to(handler))
    }

    fn on(mut self, method: Method, need: Need, route: Route) -> Self {
        self.needs.push((method, need));
        self.routes.push(route);
        self
    }

    /// The resource; methods that it does not have are refused with the ones that it has.
    pub(crate) fn into_resource(self) -> impl HttpServiceFactory {
        let allow: Vec<&str> = self.needs.iter().map(|(method, _)| method.as_str()).collect();
        let allow = allow.join(", ");
        let refuse = move |request: HttpRequest| {
            let refusal = not_allowed(&request, &allow);
            async move { Err::<String, ApiError>(refusal) }
        };
        let resource = web::resource(self.path);
        let resource = self.routes.into_iter().fold(resource, Resource::route);
        let needs: Arc<Needs> = Arc::new(Needs::new(self.needs));
        let guard =
            move |request: ServiceRequest, next: Next<BoxBody>| guarded(Arc::clone(&needs), request, next);
        resource.default_service(web::to(refuse)).wrap(from_fn(guard))
    }
}

fn not_allowed(request: &HttpRequest, allow: &str) -> ApiError {
    let detail = format!("{} is not allowed here; use one of {allow}", request.method());
    Problem::new(Code::MethodNotAllowed, detail)
        .with_header("allow", allow)
        .into()
}

/// Every path that the table does not name.
pub(crate) fn unknown_path() -> impl HttpServiceFactory {
    web::resource("/{tail:.*}")
        .default_service(web::to(not_found))
        .wrap(from_fn(boundary))
}

pub(crate) async fn not_found() -> Result<String, ApiError> {
    let detail = "There is nothing at this path; the API is described at /docs/";
    Err(ApiError::new(Code::NotFound, detail))
}
