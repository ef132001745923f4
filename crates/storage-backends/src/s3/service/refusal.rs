//! What a refusal means: one table over status, code and words, since servers name the same thing differently.

use hyper::StatusCode;

use crate::s3::service::Reply;
use crate::s3::xml::{Answer, ErrorBody};

/// What an answer to a listing means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Meaning {
    /// It is a listing.
    Listed,
    /// The server does not know the access key.
    KeyUnknown,
    /// The signature does not fit: the secret is wrong, or on some servers the key is unknown.
    Signature,
    /// The key is of a kind that ends, and did.
    KeyEnded,
    /// The request was signed for another region.
    Region,
    /// The bucket is reached elsewhere.
    Moved,
    /// There is no such bucket.
    NoBucket,
    /// The key may not list.
    Denied,
    /// The clocks differ too much.
    Clock,
    /// The server asks for fewer requests.
    Throttled,
    /// The fault is on the server's side.
    Fault,
    /// The server does not know this request.
    Unsupported,
    /// What answers does not speak S3.
    NotS3,
    /// It is of S3, and nothing that is known here.
    Other,
}

/// A code and words of the message, either empty for any, and what they mean. The first row that fits decides.
const ROWS: &[(&str, &str, Meaning)] = &[
    // Garage refuses with AccessDenied alone and says why in the message.
    ("AccessDenied", "No such key", Meaning::KeyUnknown),
    ("AccessDenied", "Invalid signature", Meaning::Signature),
    ("AccessDenied", "Request has expired", Meaning::Clock),
    ("InvalidAccessKeyId", "", Meaning::KeyUnknown),
    ("NotSignedUp", "", Meaning::KeyUnknown),
    ("InvalidClientTokenId", "", Meaning::KeyUnknown),
    ("SignatureDoesNotMatch", "", Meaning::Signature),
    ("InvalidSecurity", "", Meaning::Signature),
    ("ExpiredToken", "", Meaning::KeyEnded),
    ("InvalidToken", "", Meaning::KeyEnded),
    ("TokenRefreshRequired", "", Meaning::KeyEnded),
    ("AuthorizationHeaderMalformed", "", Meaning::Region),
    ("AuthorizationQueryParametersError", "", Meaning::Region),
    ("IllegalLocationConstraintException", "", Meaning::Region),
    ("PermanentRedirect", "", Meaning::Moved),
    ("TemporaryRedirect", "", Meaning::Moved),
    ("Redirect", "", Meaning::Moved),
    ("NoSuchBucket", "", Meaning::NoBucket),
    ("InvalidBucketName", "", Meaning::NoBucket),
    ("RequestTimeTooSkewed", "", Meaning::Clock),
    ("RequestExpired", "", Meaning::Clock),
    ("InvalidRequest", "Date is too old", Meaning::Clock),
    ("AccessDenied", "", Meaning::Denied),
    ("AllAccessDisabled", "", Meaning::Denied),
    ("AccountProblem", "", Meaning::Denied),
    ("Forbidden", "", Meaning::Denied),
    ("UnauthorizedAccess", "", Meaning::Denied),
    ("SlowDown", "", Meaning::Throttled),
    ("ServiceUnavailable", "", Meaning::Throttled),
    ("RequestLimitExceeded", "", Meaning::Throttled),
    ("Throttling", "", Meaning::Throttled),
    ("ThrottlingException", "", Meaning::Throttled),
    ("TooManyRequests", "", Meaning::Throttled),
    ("BandwidthLimitExceeded", "", Meaning::Throttled),
    ("InternalError", "", Meaning::Fault),
    ("NotImplemented", "", Meaning::Unsupported),
    ("MethodNotAllowed", "", Meaning::Unsupported),
];

/// Returns what an answer to a listing means.
pub(crate) fn meaning(reply: &Reply) -> Meaning {
    match &reply.answer {
        Some(Answer::Listing(_)) if reply.status.is_success() => Meaning::Listed,
        Some(Answer::Error(error)) => of_error(reply.status, error),
        _ => of_status(reply),
    }
}

fn of_error(status: StatusCode, error: &ErrorBody) -> Meaning {
    let fits = |(code, words, _): &&(&str, &str, Meaning)| {
        *code == error.code && (words.is_empty() || error.message.contains(words))
    };
    if let Some((_, _, meaning)) = ROWS.iter().find(fits) {
        return *meaning;
    }
    match status.as_u16() {
        429 | 503 => Meaning::Throttled,
        500..=599 => Meaning::Fault,
        401 | 403 => Meaning::Denied,
        301 | 302 | 307 | 308 => Meaning::Moved,
        _ => Meaning::Other,
    }
}

/// An answer without a body that is known. The region's header is S3's own.
fn of_status(reply: &Reply) -> Meaning {
    match reply.status.as_u16() {
        301 | 307 | 308 if reply.region().is_some() => Meaning::Moved,
        429 | 503 => Meaning::Throttled,
        500..=599 => Meaning::Fault,
        _ => Meaning::NotS3,
    }
}
