//! The bounds of every wait and of every list.

use std::time::Duration;

/// How many times one login follows a target that has moved.
pub const MAX_REDIRECTS: usize = 3;
/// How many targets of one portal are logged in to.
pub const MAX_SESSIONS: usize = 64;
/// How many logical units of one target are looked at.
pub const MAX_LUNS: usize = 1024;
/// How many targets are worked on at once.
pub(crate) const PARALLEL: usize = 8;
/// How many bytes of text one answer may have, all its parts together.
pub(crate) const MAX_TEXT: usize = 1024 * 1024;
/// How many bytes of text one step of a login may have.
pub(crate) const MAX_LOGIN_TEXT: usize = 64 * 1024;
/// How many requests one login makes.
pub(crate) const MAX_ROUNDS: usize = 24;

/// The bounds that an [`IscsiBackend`](super::IscsiBackend) keeps. The defaults fit servers of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long looking up the portal's name may take.
    pub resolve: Duration,
    /// How long connecting may take, all of the name's addresses together.
    pub connect: Duration,
    /// How long a target may take for one answer, all its parts together.
    pub answer: Duration,
    /// How long a session may take to be logged out.
    pub logout: Duration,
    /// How long a whole probe may take.
    pub probe: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            logout: Duration::from_secs(2),
            probe: Duration::from_secs(45),
        }
    }
}
