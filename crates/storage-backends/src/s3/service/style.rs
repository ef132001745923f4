//! What answers show of the place where a server looks for the bucket.

use crate::net::ConnectError;
use crate::s3::place::Style;
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Reply, Service};
use crate::s3::xml::Answer;
use crate::web::{Error, Tls};

impl Service {
    /// Returns where the bucket may be found instead.
    ///
    /// In the path, because a server that does not know its own name takes all of it for a bucket's, one that does not look
    /// at it may not show the account to this key, and one in front of it may not know it for S3. In the host name, if
    /// the server asks for that.
    pub(super) fn other_style(&self, style: Style, found: &Result<Reply, Error>) -> Option<Style> {
        let meaning = found.as_ref().ok().map(|reply| self.meaning(reply));
        let may_be_in_path = || {
            is_of_the_style(found)
                || matches!(
                    meaning,
                    Some(
                        Meaning::NoBucket
                            | Meaning::BadName
                            | Meaning::NotS3
                            | Meaning::Redirected
                            | Meaning::Denied
                            | Meaning::InPath
                            | Meaning::InBucket
                            | Meaning::Other
                    )
                )
        };
        match style {
            Style::Virtual => (self.may_turn(style) && may_be_in_path()).then_some(Style::Path),
            Style::Path => {
                let may_turn = self.is_auto() && self.bucket.is_some();
                (may_turn && meaning == Some(Meaning::InHostName)).then_some(Style::Virtual)
            }
        }
    }

    /// Returns whether the answer in the other style says more than the first one, although it is no listing either.
    pub(super) fn says_more(
        &self,
        style: Style,
        first: &Result<Reply, Error>,
        second: &Result<Reply, Error>,
    ) -> bool {
        let second = second.as_ref().ok().map(|reply| self.meaning(reply));
        match style {
            Style::Virtual => is_of_the_style(first) || second == Some(Meaning::InBucket),
            Style::Path => second.is_some_and(|found| {
                !matches!(found, Meaning::NotS3 | Meaning::Redirected | Meaning::InPath)
            }),
        }
    }
}

/// Whether an answer shows that the server does not look for buckets in its host name.
fn is_of_the_style(found: &Result<Reply, Error>) -> bool {
    match found {
        Err(error) => is_of_the_name(error),
        Ok(_) => shows_account(found),
    }
}

/// Whether the server shows the account where it was asked for the bucket of its host name.
pub(super) fn shows_account(found: &Result<Reply, Error>) -> bool {
    matches!(found, Ok(reply) if matches!(reply.answer, Some(Answer::Buckets(_))))
}

/// Whether a request failed by the name that the bucket made of the endpoint's.
pub(crate) fn is_of_the_name(error: &Error) -> bool {
    matches!(
        error,
        Error::Connect(ConnectError::NameUnknown { .. }) | Error::Tls(Tls::WrongName { .. })
    )
}
