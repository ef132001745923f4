//! Access: roles, access tokens, the client of a request, and the audit log.

mod actor;
mod audit;
mod lifetime;
mod token;

pub use actor::{Actor, How};
pub use audit::{AuditId, AuditRecord};
pub use lifetime::Lifetime;
pub use token::{AccessToken, Token, TokenHash, TokenId, TokenName, TokenProblem, TokenState};

use crate::string_enum::string_enum;

string_enum! {
    /// What a client may do; a role includes those before it.
    Role {
        /// Reads.
        Viewer = "viewer",
        /// Reads, tests, and discovers.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

impl Role {
    /// Returns whether this role includes `needed`.
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
