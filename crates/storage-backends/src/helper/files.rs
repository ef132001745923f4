//! Lists, reads and changes files in the helper process, many calls at once.
//!
//! Each call comes with a pipe for its answer, whose first line is JSON; the bytes of a file follow. A client that is slow
//! fills its pipe, and one that leaves closes it.

mod change;
mod delete;
mod directory;
mod list;
mod place;
pub(in crate::helper) mod protocol;
mod read;
mod root;
mod serve;
#[cfg(test)]
mod tests;
mod upload;
mod work;
mod write;

pub(in crate::helper) use serve::serve;
