//! Manages mounts of any kind: the kernel's table of mounts is the truth, and helper processes make the calls.

mod decide;
pub(crate) mod ensure;
pub(crate) mod files;
#[cfg(test)]
pub(crate) mod namespace;
pub(crate) mod outcome;
pub(crate) mod place;
pub(crate) mod reconcile;
mod record;
pub(crate) mod spec;
pub mod table;
pub(crate) mod unmount;
