//! What a refusal means: by its code first, and then by all that the server and the config add to it.

use hyper::StatusCode;
use url::Url;

use crate::s3::place::Style;
use crate::s3::service::{Reply, Service};
use crate::s3::xml::{Answer, ErrorBody, Unreadable};
use crate::web;

mod codes;

/// What an answer to a listing means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It is a listing.
    Listed,
    /// The server does not know the access key.
    KeyUnknown,
    /// The id and the secret are exchanged.
    KeysSwapped,
    /// The signature does not fit.
    Signature,
    /// The key is a temporary one, and its token is missing.
    TokenMissing,
    /// The server does not accept the session token.
    TokenWrong,
    /// The key was a temporary one, and has ended.
    TokenEnded,
    /// The signature did not reach the server.
    Unsigned,
    /// The request was signed for another region.
    Region,
    /// The bucket is reached elsewhere.
    Moved,
    /// The server wants the bucket in the host name.
    InHostName,
    /// The server wants the bucket in the path.
    InPath,
    /// The endpoint leads into a bucket already.
    InBucket,
    /// The server lists its buckets, although the path names one.
    PathDropped,
    /// The port may expect TLS.
    WantsTls,
    /// What answers redirects, and not as S3 does.
    Redirected,
    /// There is no such bucket.
    NoBucket,
    /// The server does not allow the bucket's name.
    BadName,
    /// The key may not list.
    Denied,
    /// The provider blocks the account or the key.
    Blocked,
    /// The clocks differ too much.
    Clock,
    /// The server asks for fewer requests.
    Throttled,
    /// The server is not ready.
    Unavailable,
    /// The fault is on the server's side.
    Fault,
    /// The server does not know this request.
    Unsupported,
    /// The server is full, or a quota is.
    NoSpace,
    /// The key is longer than the server allows.
    LongKey,
    /// There is no such multipart upload.
    NoUpload,
    /// It is a list that can't be read to its end.
    Unreadable(Unreadable),
    /// What answers does not speak S3.
    NotS3,
    /// It is of S3, and nothing that is known here.
    Other,
}

impl Meaning {
    /// Returns whether the same request may be answered soon.
    pub(crate) const fn is_temporary(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable | Self::Fault)
    }

    /// Returns whether the server refuses this key.
    pub(crate) const fn is_denial(self) -> bool {
        matches!(
            self,
            Self::KeysSwapped | Self::TokenMissing | Self::TokenEnded | Self::Blocked
        ) || self.is_of_key()
    }

    /// Returns whether the key may be the cause.
    const fn is_of_key(self) -> bool {
        matches!(
            self,
            Self::KeyUnknown | Self::Signature | Self::TokenWrong | Self::Unsigned | Self::Denied
        )
    }
}

impl Service {
    /// Returns what an answer to a listing means.
    pub(crate) fn meaning(&self, reply: &Reply) -> Meaning {
        match &reply.answer {
            Some(Answer::Listing(_)) if reply.status.is_success() => match &self.bucket {
                Some(_) => Meaning::Listed,
                None => Meaning::InBucket,
            },
            Some(Answer::Buckets(_)) if reply.status.is_success() => match (&self.bucket, reply.style) {
                (None, _) => Meaning::Listed,
                (Some(_), Style::Virtual) => Meaning::InPath,
                (Some(_), Style::Path) => Meaning::PathDropped,
            },
            Some(Answer::Unreadable(why)) if reply.status.is_success() => Meaning::Unreadable(*why),
            Some(Answer::Error(error)) => self.by_hints(of_error(reply.status, error), reply),
            _ => self.by_status(reply),
        }
    }

    /// Corrects the meaning of a code by what else is known.
    fn by_hints(&self, found: Meaning, reply: &Reply) -> Meaning {
        if found.is_temporary() || found == Meaning::Clock {
            return found;
        }
        if let Some(found) = self.by_key(found) {
            return found;
        }
        let bucket = self.bucket_name();
        let is_path = reply.style == Style::Path;
        if let Some(hint) = reply.endpoint_hint(bucket) {
            if !hint.is_at(self.endpoint.as_url()) {
                return Meaning::Moved;
            }
            if hint.held_bucket && is_path && matches!(found, Meaning::Moved | Meaning::Denied) {
                return Meaning::InHostName;
            }
        }
        if (found.is_of_key() || found == Meaning::Other) && reply.other_region().is_some() {
            return Meaning::Region;
        }
        match found {
            Meaning::InHostName if !is_path => Meaning::InPath,
            Meaning::NoBucket if !is_path && self.excess().is_some() => Meaning::InBucket,
            Meaning::NoBucket if !is_path && reply.other_bucket(bucket).is_some() => Meaning::InPath,
            Meaning::Unsigned if !self.signs() => Meaning::Denied,
            found => found,
        }
    }

    /// Returns what the look of the key makes of a refusal.
    fn by_key(&self, found: Meaning) -> Option<Meaning> {
        let key = self.key.as_ref()?;
        let may_be_swapped = match found {
            Meaning::KeyUnknown | Meaning::Signature => key.looks_swapped(),
            Meaning::Region | Meaning::Other => key.has_slash(),
            found => found.is_of_key() && key.has_slash(),
        };
        if may_be_swapped {
            return Some(Meaning::KeysSwapped);
        }
        let is_token = found == Meaning::TokenWrong && !key.has_token();
        (is_token || found.is_of_key() && key.lacks_token()).then_some(Meaning::TokenMissing)
    }

    /// Returns what an answer means whose body is not known. The region's header is S3's own.
    fn by_status(&self, reply: &Reply) -> Meaning {
        let url = self.endpoint.as_url();
        let redirect = reply.redirect();
        let is_https = |to: &Url| to.scheme() == "https" && to.host() == url.host();
        let is_sent_to_https = url.scheme() == "http" && redirect.as_ref().is_some_and(is_https);
        if is_sent_to_https || web::checks::may_want_tls(url, reply.status) {
            return Meaning::WantsTls;
        }
        match reply.status.as_u16() {
            301 | 307 | 308 if reply.region().is_some() => Meaning::Moved,
            _ if redirect.is_some() => Meaning::Redirected,
            status => of_fault(status).unwrap_or(Meaning::NotS3),
        }
    }
}

fn of_error(status: StatusCode, error: &ErrorBody) -> Meaning {
    // A code that is not known may mean anything; without one, the status is all there is.
    let by_status = || match status.as_u16() {
        401 | 403 if error.code.is_empty() => Some(Meaning::Denied),
        301 | 302 | 307 | 308 => Some(Meaning::Moved),
        status => of_fault(status),
    };
    codes::find(error).or_else(by_status).unwrap_or(Meaning::Other)
}

const fn of_fault(status: u16) -> Option<Meaning> {
    match status {
        429 => Some(Meaning::Throttled),
        507 => Some(Meaning::NoSpace),
        503 => Some(Meaning::Unavailable),
        500..=599 => Some(Meaning::Fault),
        _ => None,
    }
}
