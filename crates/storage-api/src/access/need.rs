//! What a route needs.

use actix_web::http::Method;
use storage_domain::Role;

/// What a method of a path needs of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: everybody may.
    Nothing,
    /// At least this role.
    Role(Role),
}

/// What the methods of one path need.
#[derive(Debug)]
pub(crate) struct Needs {
    methods: Vec<(Method, Need)>,
    /// Of a method that the path does not have.
    other: Need,
}

impl Needs {
    /// A method that is not among these needs any role at all, unless everything here is open.
    pub(crate) fn new(methods: Vec<(Method, Need)>) -> Self {
        let is_open = methods.iter().all(|(_, need)| *need == Need::Nothing);
        let other = if is_open {
            Need::Nothing
        } else {
            Need::Role(Role::Viewer)
        };
        Self { methods, other }
    }

    /// The path's methods.
    pub(crate) fn methods(&self) -> impl Iterator<Item = Method> + '_ {
        self.methods.iter().map(|(method, _)| method.clone())
    }

    /// What this method needs.
    pub(crate) fn of(&self, method: &Method) -> Need {
        let found = self.methods.iter().find(|(m, _)| m == method);
        found.map_or(self.other, |(_, need)| *need)
    }
}
