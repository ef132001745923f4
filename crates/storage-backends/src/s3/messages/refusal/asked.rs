//! What was asked of a server.

use std::fmt;

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Bucket(String),
    /// Any object of this bucket.
    Object(String),
    /// To write objects of this bucket.
    Writing(String),
    /// To delete objects of this bucket.
    Deleting(String),
    AllBuckets,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(name) => write!(f, "the bucket {name}"),
            Self::Object(name) | Self::Writing(name) | Self::Deleting(name) => {
                write!(f, "the objects of the bucket {name}")
            }
            Self::AllBuckets => f.write_str("the list of all buckets"),
        }
    }
}
