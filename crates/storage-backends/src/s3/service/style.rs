//! What answers show of the place where a server looks for the bucket.

use crate::net::ConnectError;
use crate::s3::service::Reply;
use crate::s3::service::refusal::{Meaning, meaning};
use crate::s3::xml::Answer;
use crate::web::{Error, Tls};

/// Whether an answer shows that the server does not look for buckets in its host name.
pub(super) fn is_of_the_style(found: &Result<Reply, Error>) -> bool {
    match found {
        Err(error) => is_of_the_name(error),
        Ok(_) => shows_account(found),
    }
}

/// Whether the server shows the account where it was asked for the bucket of its host name.
pub(super) fn shows_account(found: &Result<Reply, Error>) -> bool {
    matches!(found, Ok(reply) if matches!(reply.answer, Some(Answer::Buckets(_))))
}

/// Whether the bucket may be found in the path: a server that does not know its own name takes all of it for a
/// bucket's, one that does not look at it may not show the account to this key, and one in front of it may not know it
/// for S3.
pub(super) fn may_be_of_the_style(found: &Result<Reply, Error>) -> bool {
    let lost = |reply: &Reply| {
        matches!(
            meaning(reply),
            Meaning::NoBucket | Meaning::NotS3 | Meaning::Denied
        )
    };
    is_of_the_style(found) || found.as_ref().is_ok_and(lost)
}

/// Whether a request failed by the name that the bucket made of the endpoint's.
pub(crate) fn is_of_the_name(error: &Error) -> bool {
    matches!(
        error,
        Error::Connect(ConnectError::NameUnknown { .. }) | Error::Tls(Tls::WrongName { .. })
    )
}
