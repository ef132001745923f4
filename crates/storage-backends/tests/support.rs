//! What the tests of several modules share.

pub(crate) mod alone;
pub(crate) mod asking;
pub(crate) mod closed;
pub(crate) mod files;
pub(crate) mod fuse;
pub(crate) mod port;
pub(crate) mod relay;
pub(crate) mod site;
pub(crate) mod tgt;
pub(crate) mod trap;
pub(crate) mod until;
