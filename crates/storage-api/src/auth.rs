//! Who a client is: access tokens, JSON Web Tokens, and pages of other origins.

pub(crate) mod bearer;
pub(crate) mod cors;
pub(crate) mod csrf;
pub(crate) mod jwt;
pub(crate) mod link;
pub(crate) mod token_cache;
