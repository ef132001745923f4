//! Who keeps a mount in use.

use serde::{Deserialize, Serialize};

/// A process that keeps a mount in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its short name (proc_pid_comm(5)); never its arguments, which may hold secrets.
    pub command: String,
}

/// The processes that were found to keep a mount in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holders {
    /// The first of them, by their numbers.
    pub found: Vec<Holder>,
    /// Whether the search ended before it had seen everything.
    pub cut_short: bool,
    /// How many processes could not be looked at: they belong to other users.
    pub unseen: u32,
}

impl Holders {
    /// The most that are listed.
    pub const MAX_LISTED: usize = 16;
}
