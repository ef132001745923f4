//! Who may do what: roles, access tokens, and who is behind a request.

mod actor;
mod audit;
mod lifetime;
mod token;

pub use actor::{Actor, How};
pub use audit::{AuditId, AuditRecord};
pub use lifetime::Lifetime;
pub use token::{AccessToken, Token, TokenHash, TokenId, TokenName, TokenProblem, TokenState};

use crate::words::words;

words! {
    /// What a client may do; each role may do what those before it may.
    Role, "must be one of viewer, operator, admin" {
        /// Reads.
        Viewer = "viewer",
        /// Reads, tests, and asks storage for what it has.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

impl Role {
    /// Whether this role may do what needs `needed`.
    pub fn may(self, needed: Self) -> bool {
        self.rank() >= needed.rank()
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Viewer => 0,
            Self::Operator => 1,
            Self::Admin => 2,
        }
    }
}
