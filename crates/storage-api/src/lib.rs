//! The REST API: use cases without web types, and thin handlers over them.

pub mod access;
mod audit;
mod auth;
pub mod boot;
mod chain;
mod dto;
mod error;
mod http;
mod limits;
pub mod problem;
mod refresh;
pub mod service;
mod supervisor;
#[cfg(test)]
mod tests;
pub mod watched;

pub use access::{Access, AccessSettings, Auth, JwtSettings, LimitSettings};
pub use boot::{Boot, CacheSettings};
pub use http::{configure, configure_booting, configure_guarded, openapi};
pub use service::{App, AppSettings};
