//! What a refusal means: one table over status, code and words, since servers name the same thing differently.

use hyper::StatusCode;

use crate::s3::service::Reply;
use crate::s3::xml::{Answer, ErrorBody};

/// What an answer to a listing means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
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
const ROWS: &[(&str, &str, Verdict)] = &[
    // Garage refuses with AccessDenied alone and tells why in words.
    ("AccessDenied", "No such key", Verdict::KeyUnknown),
    ("AccessDenied", "Invalid signature", Verdict::Signature),
    ("AccessDenied", "Request has expired", Verdict::Clock),
    ("InvalidAccessKeyId", "", Verdict::KeyUnknown),
    ("NotSignedUp", "", Verdict::KeyUnknown),
    ("InvalidClientTokenId", "", Verdict::KeyUnknown),
    ("SignatureDoesNotMatch", "", Verdict::Signature),
    ("InvalidSecurity", "", Verdict::Signature),
    ("ExpiredToken", "", Verdict::KeyEnded),
    ("InvalidToken", "", Verdict::KeyEnded),
    ("TokenRefreshRequired", "", Verdict::KeyEnded),
    ("AuthorizationHeaderMalformed", "", Verdict::Region),
    ("AuthorizationQueryParametersError", "", Verdict::Region),
    ("IllegalLocationConstraintException", "", Verdict::Region),
    ("PermanentRedirect", "", Verdict::Moved),
    ("TemporaryRedirect", "", Verdict::Moved),
    ("Redirect", "", Verdict::Moved),
    ("NoSuchBucket", "", Verdict::NoBucket),
    ("InvalidBucketName", "", Verdict::NoBucket),
    ("RequestTimeTooSkewed", "", Verdict::Clock),
    ("RequestExpired", "", Verdict::Clock),
    ("InvalidRequest", "Date is too old", Verdict::Clock),
    ("AccessDenied", "", Verdict::Denied),
    ("AllAccessDisabled", "", Verdict::Denied),
    ("AccountProblem", "", Verdict::Denied),
    ("Forbidden", "", Verdict::Denied),
    ("UnauthorizedAccess", "", Verdict::Denied),
    ("SlowDown", "", Verdict::Throttled),
    ("ServiceUnavailable", "", Verdict::Throttled),
    ("RequestLimitExceeded", "", Verdict::Throttled),
    ("Throttling", "", Verdict::Throttled),
    ("ThrottlingException", "", Verdict::Throttled),
    ("TooManyRequests", "", Verdict::Throttled),
    ("BandwidthLimitExceeded", "", Verdict::Throttled),
    ("InternalError", "", Verdict::Fault),
    ("NotImplemented", "", Verdict::Unsupported),
    ("MethodNotAllowed", "", Verdict::Unsupported),
];

/// What an answer to a listing means.
pub(crate) fn verdict(reply: &Reply) -> Verdict {
    match &reply.answer {
        Some(Answer::Listing(_)) if reply.status.is_success() => Verdict::Listed,
        Some(Answer::Error(error)) => of_error(reply.status, error),
        _ => of_status(reply),
    }
}

fn of_error(status: StatusCode, error: &ErrorBody) -> Verdict {
    let fits = |(code, words, _): &&(&str, &str, Verdict)| {
        *code == error.code && (words.is_empty() || error.message.contains(words))
    };
    if let Some((_, _, verdict)) = ROWS.iter().find(fits) {
        return *verdict;
    }
    match status.as_u16() {
        429 | 503 => Verdict::Throttled,
        500..=599 => Verdict::Fault,
        401 | 403 => Verdict::Denied,
        301 | 302 | 307 | 308 => Verdict::Moved,
        _ => Verdict::Other,
    }
}

/// An answer without a body that is known. The region's header is S3's own.
fn of_status(reply: &Reply) -> Verdict {
    match reply.status.as_u16() {
        301 | 307 | 308 if reply.region().is_some() => Verdict::Moved,
        429 | 503 => Verdict::Throttled,
        500..=599 => Verdict::Fault,
        _ => Verdict::NotS3,
    }
}
