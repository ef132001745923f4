//! Who may use the routes of a path, and how they are recorded.

use std::sync::Arc;

use actix_web::http::Method;
use storage_domain::Role;

/// What a route does. It decides what is counted and what is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Shows nothing of what is stored, to everybody.
    Open,
    /// Reads the database. It is recorded only if it is denied.
    Read,
    /// Asks storage for files. It is recorded only if it is denied.
    Files,
    /// Writes files. It is counted like a request for files, and recorded like a change.
    Upload,
    /// Connects to storage. A client may do a few of these at once.
    Probe,
    /// Changes the database, together with its audit record.
    Change,
}

/// Who may use a route, and how it is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) method: Method,
    pub(crate) class: Class,
    /// Required role; `None` if the route is open.
    pub(crate) role: Option<Role>,
    /// Action in the audit log.
    pub(crate) action: Option<&'static str>,
    /// Whether a signed link takes the place of a token.
    pub(crate) takes_links: bool,
}

/// The policies of one path.
#[derive(Debug, Clone)]
pub(crate) struct Policies(Arc<[Policy]>);

impl Policies {
    pub(crate) fn new(policies: Vec<Policy>) -> Self {
        Self(policies.into())
    }

    /// Returns the policy of a method; HEAD has that of GET.
    pub(crate) fn of(&self, method: &Method) -> Option<&Policy> {
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.0.iter().find(|policy| policy.method == *method)
    }

    /// Returns the role that a method requires: any role for a method that the path does not have, unless all is open.
    pub(crate) fn role(&self, method: &Method) -> Option<Role> {
        match self.of(method) {
            Some(policy) => policy.role,
            None => self.0.iter().find_map(|policy| policy.role).map(|_| Role::Viewer),
        }
    }

    /// Returns the methods as a header field lists them.
    pub(crate) fn methods(&self) -> String {
        let names = self.0.iter().map(|policy| match policy.method.as_str() {
            "GET" => "GET, HEAD",
            other => other,
        });
        names.collect::<Vec<_>>().join(", ")
    }
}
