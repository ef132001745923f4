//! The codes of refusals, and what they mean.

use super::Meaning;
use crate::s3::xml::ErrorBody;

/// A code, words of the message in lower case, either empty for any, and what they mean. The first row that fits decides.
type Row = (&'static str, &'static str, Meaning);

const ROWS: &[Row] = &[
    // Garage (api/common/error.rs) refuses with AccessDenied alone and says why in the message; so does Backblaze B2
    // if a limit of the account is reached, and Google Cloud Storage for what it takes as not signed.
    ("AccessDenied", "no such key", Meaning::KeyUnknown),
    ("AccessDenied", "invalid signature", Meaning::Signature),
    ("AccessDenied", "request has expired", Meaning::Clock),
    ("AccessDenied", "cap exceeded", Meaning::Blocked),
    ("AccessDenied", "quota", Meaning::NoSpace),
    ("AccessDenied", "anonymous caller", Meaning::Unsigned),
    // MinIO (cmd/api-errors.go).
    ("InvalidAccessKeyId", "disabled", Meaning::Blocked),
    ("InvalidTokenId", "", Meaning::TokenWrong),
    ("SlowDownRead", "", Meaning::Throttled),
    ("SlowDownWrite", "", Meaning::Throttled),
    ("XMinioServerNotInitialized", "", Meaning::Unavailable),
    ("XMinioStorageFull", "", Meaning::NoSpace),
    ("XMinioAdminBucketQuotaExceeded", "", Meaning::NoSpace),
    // Ceph RGW (rgw_common.cc).
    ("UserSuspended", "", Meaning::Blocked),
    ("QuotaExceeded", "", Meaning::NoSpace),
    ("InsufficientStorage", "", Meaning::NoSpace),
    ("InsufficientCapacity", "", Meaning::NoSpace),
    // Cloudflare R2 ("Error codes").
    ("InvalidArgument", "credential access key", Meaning::KeyUnknown),
    ("Unauthorized", "", Meaning::KeyUnknown),
    ("ExpiredRequest", "", Meaning::Clock),
    ("InvalidRegionName", "", Meaning::Region),
    ("NotEntitled", "", Meaning::Blocked),
    // Backblaze B2.
    ("UnauthorizedAccess", "", Meaning::Denied),
    // Alibaba Cloud OSS, Tencent COS, Huawei OBS, Volcengine TOS.
    ("SecondLevelDomainForbidden", "", Meaning::InHostName),
    ("PathStyleDomainForbidden", "", Meaning::InHostName),
    ("VirtualHostDomainRequired", "", Meaning::InHostName),
    ("InvalidPathAccess", "", Meaning::InHostName),
    ("InvalidSecurityToken", "", Meaning::TokenWrong),
    ("MissingSecurityToken", "", Meaning::TokenWrong),
    ("SecurityTokenExpired", "", Meaning::TokenEnded),
    ("InactiveAccessKeyId", "", Meaning::Blocked),
    ("UserDisable", "", Meaning::Blocked),
    ("InArrearOrInsufficientBalance", "", Meaning::Blocked),
    ("QpsLimitExceeded", "", Meaning::Throttled),
    ("ServerBusy", "", Meaning::Unavailable),
    // Google Cloud Storage ("HTTP status and error codes for XML").
    ("AuthenticationRequired", "", Meaning::Unsigned),
    ("UserProjectAccountProblem", "", Meaning::Blocked),
    // AWS, "Error responses" of the S3 API reference: most others have these too.
    ("InvalidAccessKeyId", "", Meaning::KeyUnknown),
    ("NotSignedUp", "", Meaning::KeyUnknown),
    ("InvalidClientTokenId", "", Meaning::KeyUnknown),
    ("UnrecognizedClientException", "", Meaning::KeyUnknown),
    ("SignatureDoesNotMatch", "signature expired", Meaning::Clock),
    ("SignatureDoesNotMatch", "not yet current", Meaning::Clock),
    ("SignatureDoesNotMatch", "", Meaning::Signature),
    ("InvalidSecurity", "", Meaning::Signature),
    ("ExpiredToken", "", Meaning::TokenEnded),
    ("ExpiredTokenException", "", Meaning::TokenEnded),
    ("TokenRefreshRequired", "", Meaning::TokenEnded),
    ("InvalidToken", "", Meaning::TokenWrong),
    ("MissingSecurityHeader", "", Meaning::Unsigned),
    ("MissingSecurityElement", "", Meaning::Unsigned),
    ("MissingAuthenticationToken", "", Meaning::Unsigned),
    ("AuthorizationHeaderMalformed", "region", Meaning::Region),
    ("AuthorizationHeaderMalformed", "access key", Meaning::KeyUnknown),
    (
        "AuthorizationHeaderMalformed",
        "credential is mal",
        Meaning::KeyUnknown,
    ),
    ("AuthorizationHeaderMalformed", "", Meaning::Region),
    ("AuthorizationQueryParametersError", "", Meaning::Region),
    ("IllegalLocationConstraintException", "", Meaning::Region),
    ("InvalidLocationConstraint", "", Meaning::Region),
    ("PermanentRedirect", "", Meaning::Moved),
    ("PermanentRedirectControlError", "", Meaning::Moved),
    ("TemporaryRedirect", "", Meaning::Moved),
    ("Redirect", "", Meaning::Moved),
    ("EndpointNotFound", "", Meaning::Moved),
    ("InvalidHostHeader", "", Meaning::InHostName),
    ("InvalidAddressingHeader", "", Meaning::InHostName),
    ("NoSuchBucket", "", Meaning::NoBucket),
    ("NoSuchAccessPoint", "", Meaning::NoBucket),
    ("InvalidAccessPointAliasError", "", Meaning::NoBucket),
    ("NoSuchKey", "", Meaning::InBucket),
    ("InvalidBucketName", "", Meaning::BadName),
    ("NoSuchUpload", "", Meaning::NoUpload),
    ("KeyTooLongError", "", Meaning::LongKey),
    ("KeyTooLong", "", Meaning::LongKey),
    ("OperationAborted", "", Meaning::Unavailable),
    ("RequestTimeout", "", Meaning::Unavailable),
    ("RequestTimeTooSkewed", "", Meaning::Clock),
    ("RequestExpired", "", Meaning::Clock),
    ("InvalidRequest", "date is too old", Meaning::Clock),
    ("AllAccessDisabled", "", Meaning::Blocked),
    ("AccountProblem", "", Meaning::Blocked),
    ("InvalidPayer", "", Meaning::Blocked),
    ("SlowDown", "", Meaning::Throttled),
    ("RequestLimitExceeded", "", Meaning::Throttled),
    ("Throttling", "", Meaning::Throttled),
    ("ThrottlingException", "", Meaning::Throttled),
    ("TooManyRequests", "", Meaning::Throttled),
    ("BandwidthLimitExceeded", "", Meaning::Throttled),
    ("ServiceUnavailable", "", Meaning::Unavailable),
    ("ServerTooBusy", "", Meaning::Unavailable),
    ("Busy", "", Meaning::Unavailable),
    ("InternalError", "", Meaning::Fault),
    ("NotImplemented", "", Meaning::Unsupported),
    ("MethodNotAllowed", "", Meaning::Unsupported),
    // Any code: what the request itself is refused for.
    ("", "list-type", Meaning::Unsupported),
    ("", "path style", Meaning::InHostName),
    ("", "path-style", Meaning::InHostName),
    ("", "virtual host", Meaning::InHostName),
    ("", "virtual-host", Meaning::InHostName),
    ("AccessDenied", "", Meaning::Denied),
    ("Forbidden", "", Meaning::Denied),
];

/// Returns what an error means by its code and its words, if they are known.
pub(super) fn find(error: &ErrorBody) -> Option<Meaning> {
    let message = error.message.to_lowercase();
    let fits = |(code, words, _): &&Row| {
        (code.is_empty() || code.eq_ignore_ascii_case(&error.code)) && message.contains(words)
    };
    ROWS.iter().find(fits).map(|(_, _, meaning)| *meaning)
}
