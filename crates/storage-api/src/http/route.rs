//! One route: everything that is known of a method of a path.

mod policy;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, guard, web};
use storage_domain::Role;

pub(crate) use self::policy::{Class, Policies, Policy};
use super::parameter::Parameter;
use crate::problem::Code;

/// The media type of forms with files.
pub(crate) const FORM: &str = "multipart/form-data";

/// The body that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    /// Anything small, because some clients send one with every call.
    Ignored,
    /// A JSON object of this schema.
    Json(&'static str),
    /// A file, or a part of one, of this media type, of any size.
    File(&'static str),
}

/// The content of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    None,
    /// JSON of this schema.
    Json(&'static str),
    Html,
    /// The bytes of a file.
    Bytes,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) content: Content,
    pub(crate) headers: &'static [&'static str],
    /// Its name among the components of the OpenAPI document, if several routes have it.
    pub(crate) component: Option<&'static str>,
}

/// A method of a path.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) policy: Policy,
    /// The id of the operation in the OpenAPI document.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) body: Body,
    pub(crate) answers: Vec<Answer>,
    shared: &'static [&'static [Code]],
    codes: &'static [&'static [Code]],
    pub(crate) service: actix_web::Route,
}

/// The problems of every route.
const ALWAYS: [Code; 4] = [
    Code::BadRequest,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
];
/// The problems of every route that needs a role.
const GUARDED: [Code; 7] = [
    Code::Unauthorized,
    Code::InvalidToken,
    Code::TokenExpired,
    Code::Forbidden,
    Code::CrossSite,
    Code::RateLimited,
    Code::DatabaseUnavailable,
];
/// Sets of problems that many routes have among theirs, each with its name in the OpenAPI document.
pub(crate) const NAMED_PROBLEMS: [(&str, &[&[Code]]); 2] = [
    ("CommonCode", &[&ALWAYS, &GUARDED]),
    ("FilesCode", &[super::routes::ONE, super::routes::FILES]),
];
/// The problems of a body of which only the size matters.
const IGNORED_BODY: [Code; 2] = [Code::RequestTimeout, Code::PayloadTooLarge];
/// The problems of a JSON body.
const JSON_BODY: [Code; 3] = [
    Code::InvalidJson,
    Code::UnsupportedMediaType,
    Code::InvalidRequest,
];

impl Route {
    /// Begins an open route; that of GET answers HEAD too, with the same header.
    pub(crate) fn new<F, Args>(method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let accepted = guard::Any(guard::Method(method.clone()));
        let accepted = if method == Method::GET {
            accepted.or(guard::Head())
        } else {
            accepted
        };
        Self {
            path,
            policy: Policy {
                method,
                class: Class::Open,
                role: None,
                action: None,
                takes_links: false,
            },
            id: "",
            summary: "",
            parameters: &[],
            body: Body::None,
            answers: Vec::new(),
            shared: &[],
            codes: &[],
            service: web::route().guard(accepted).to(handler),
        }
    }

    /// Sets the id and the summary of the operation in the OpenAPI document.
    pub(crate) fn named(mut self, id: &'static str, summary: &'static str) -> Self {
        (self.id, self.summary) = (id, summary);
        self
    }

    /// Sets what it does, for whom, and its action in the audit log.
    pub(crate) fn does(mut self, class: Class, role: Role, action: &'static str) -> Self {
        self.policy.class = class;
        self.policy.role = Some(role);
        self.policy.action = Some(action);
        self
    }

    /// Takes signed links.
    pub(crate) fn takes_links(mut self) -> Self {
        self.policy.takes_links = true;
        self
    }

    pub(crate) fn with(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Adds an answer of this schema.
    pub(crate) fn json(self, status: u16, schema: &'static str, description: &'static str) -> Self {
        self.answer(status, Content::Json(schema), description)
    }

    /// Adds the answer to a client that has the present version.
    pub(crate) fn not_modified(self) -> Self {
        self.answer(304, Content::None, "The client has this version already.")
            .headers(&["ETag"])
            .shared_as("NotModified")
    }

    pub(crate) fn answer(mut self, status: u16, content: Content, description: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            description,
            content,
            headers: &[],
            component: None,
        });
        self
    }

    /// Adds the answer to a client whose request goes on as a job.
    pub(crate) fn goes_on(self) -> Self {
        self.json(202, "JobResponse", "The job as which it goes on.")
            .headers(&["Location"])
            .shared_as("Job")
    }

    /// Gives the answer that was added last a name, for several routes.
    fn shared_as(mut self, name: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.component = Some(name);
        }
        self
    }

    /// Sets the header fields of the answer that was added last.
    pub(crate) fn headers(mut self, names: &'static [&'static str]) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers = names;
        }
        self
    }

    /// Adds the problems of every route of its kind.
    pub(crate) fn shares(mut self, codes: &'static [&'static [Code]]) -> Self {
        self.shared = codes;
        self
    }

    /// Adds the problems of its own.
    pub(crate) fn fails(mut self, codes: &'static [&'static [Code]]) -> Self {
        self.codes = codes;
        self
    }

    /// Returns the problems that it shares with every route of its kind, role and body, in the order of the codes.
    pub(crate) fn shared_problems(&self) -> Vec<Code> {
        let mut groups: Vec<&[Code]> = vec![&ALWAYS];
        groups.extend(self.shared);
        if self.policy.role.is_some() {
            groups.push(&GUARDED);
        }
        match self.body {
            Body::None => {}
            Body::Ignored => groups.push(&IGNORED_BODY),
            Body::File(_) => groups.extend([&IGNORED_BODY[..], &[Code::UnsupportedMediaType]]),
            Body::Json(_) => groups.extend([&IGNORED_BODY[..], &JSON_BODY]),
        }
        in_order(|code| groups.iter().any(|group| group.contains(code)))
    }

    /// Returns the problems of the statuses that it has problems of its own for, in the order of the codes.
    pub(crate) fn own_problems(&self) -> Vec<Code> {
        let own = |code: &Code| self.codes.iter().any(|group| group.contains(code));
        let shared = self.shared_problems();
        let statuses: Vec<u16> = in_order(own).iter().map(|code| code.status()).collect();
        in_order(|code| own(code) || shared.contains(code) && statuses.contains(&code.status()))
    }

    /// Returns the path without the patterns of its parameters.
    pub(crate) fn template(&self) -> String {
        self.path.replace(":.*", "")
    }
}

/// Returns the codes that are wanted, in their order.
fn in_order(is_wanted: impl Fn(&Code) -> bool) -> Vec<Code> {
    let codes = Code::ALL.iter().copied();
    codes.filter(is_wanted).collect()
}
