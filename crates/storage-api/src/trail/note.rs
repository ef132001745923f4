//! What a handler knows of what it does, and what each route is called.

use actix_web::http::Method;
use actix_web::{HttpMessage as _, HttpRequest};
use storage_domain::{Backend, BackendId};

/// What a handler tells the trail; kept with the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    pub(crate) backend_id: Option<String>,
    pub(crate) backend_name: Option<String>,
}

impl Note {
    /// Notes which backend a request is about.
    pub(crate) fn backend(request: &HttpRequest, backend: &Backend) {
        request.extensions_mut().insert(Self::about(backend));
    }

    pub(super) fn about(backend: &Backend) -> Self {
        Self {
            backend_id: Some(backend.id.to_string()),
            backend_name: Some(backend.name.to_string()),
        }
    }

    /// What was noted, or at least the id in the path.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let noted = request.extensions().get::<Self>().cloned();
        noted.unwrap_or_else(|| {
            let id = request
                .match_info()
                .get("id")
                .and_then(|id| id.parse::<BackendId>().ok());
            Self {
                backend_id: id.map(|id| id.to_string()),
                backend_name: None,
            }
        })
    }
}

/// What a route is called in the trail.
pub(crate) fn action_of(method: &Method, pattern: &str) -> Option<&'static str> {
    let path = pattern.strip_prefix("/api/v1/storage/")?;
    let is_read = method.is_safe();
    Some(match (path, method.as_str()) {
        ("backends", "POST") => "backend.create",
        ("backends/{id}", "PATCH") => "backend.update",
        ("backends/{id}", "DELETE") => "backend.delete",
        ("backends/{id}/test", "POST") => "backend.test",
        ("backends/{id}/luns", _) if is_read => "backend.luns",
        ("discover/iscsi", _) if is_read => "discover.iscsi",
        ("discover/nfs", _) if is_read => "discover.nfs",
        ("discover/s3", "POST") => "discover.s3",
        ("backends", _) if is_read => "backend.list",
        ("backends/{id}", _) if is_read => "backend.read",
        ("audit", _) if is_read => "audit.read",
        _ => return None,
    })
}
