//! What the header fields of an upload say, and its body on its way to the work.

use std::pin::{Pin, pin};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderName, IF_MATCH, IF_NONE_MATCH,
};
use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use storage_backends::Condition;
use storage_domain::FileHash;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::problem::Code;
use crate::service::{AppError, BodySender, UploadError};

/// How long a client may send nothing.
const IDLE_DEADLINE: Duration = Duration::from_mins(1);
/// Bytes that go to the work at once, and how long they wait for further ones: each piece wakes another thread.
const GATHERED_BYTES: usize = 64 * 1024;
const GATHER_TIME: Duration = Duration::from_millis(20);

const CONTENT_DIGEST: &str = "content-digest";
/// The digest of a whole file (RFC 9530).
pub(crate) const REPR_DIGEST: &str = "repr-digest";
const EXPECTED: &str = "x-expected-checksum-sha256";

fn bad(detail: impl Into<String>) -> ApiError {
    ApiError::new(Code::BadRequest, detail)
}

/// Returns a field that may stand once.
fn single<'a>(request: &'a HttpRequest, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut lines = request.headers().get_all(name);
    let first = lines.next().map(|line| line.to_str().map(str::trim));
    match (first, lines.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        _ => Err(bad(format!("{name} must stand once, in ASCII; send one value"))),
    }
}

/// Returns a field that is a number of bytes.
pub(crate) fn number(request: &HttpRequest, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(text) = single(request, name)? else {
        return Ok(None);
    };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|bytes| is_number && i64::try_from(*bytes).is_ok());
    number
        .map(Some)
        .ok_or_else(|| bad(format!("{name} must be a number of bytes")))
}

/// Returns a field that is `?0` or `?1` (RFC 9651, section 3.3.6).
pub(crate) fn boolean(request: &HttpRequest, name: &str) -> Result<Option<bool>, ApiError> {
    match single(request, name)? {
        None => Ok(None),
        Some("?0") => Ok(Some(false)),
        Some("?1") => Ok(Some(true)),
        Some(_) => Err(bad(format!("{name} must be ?0 or ?1"))),
    }
}

/// Returns the length that the body has by its head.
pub(crate) fn content_length(request: &HttpRequest) -> Result<Option<u64>, ApiError> {
    number(request, CONTENT_LENGTH.as_str())
}

/// Returns the SHA-256 of a digest field (RFC 9530); other algorithms are left out. What can't be read is refused: a file must
/// not appear unchecked if its client wants it checked.
fn digest(request: &HttpRequest, name: &str) -> Result<Option<FileHash>, ApiError> {
    let unreadable = || bad(format!("{name} must be written as sha-256=:BASE64:"));
    let mut found = None;
    for line in request.headers().get_all(name) {
        let line = line.to_str().map_err(|_| unreadable())?;
        let members = line.split(',').map(str::trim);
        for member in members.filter(|member| !member.is_empty()) {
            let (algorithm, value) = member.split_once('=').ok_or_else(unreadable)?;
            if !algorithm.trim_end().eq_ignore_ascii_case("sha-256") {
                continue;
            }
            let value = value.split(';').next().unwrap_or_default().trim();
            let encoded = value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
            let bytes = encoded.and_then(|text| STANDARD.decode(text).ok());
            let hash = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            found = Some(FileHash::from(hash.ok_or_else(unreadable)?));
        }
    }
    Ok(found)
}

/// Writes a hash as a digest field (RFC 9530).
pub(crate) fn digest_field(hash: &FileHash) -> String {
    format!("sha-256=:{}:", STANDARD.encode(hash.as_bytes()))
}

/// Returns the hash that a whole file has to have, from `Repr-Digest`.
pub(crate) fn file_digest(request: &HttpRequest) -> Result<Option<FileHash>, ApiError> {
    digest(request, REPR_DIGEST)
}

/// Returns the hash of a file that is all of the body, from `Repr-Digest` and `Content-Digest`.
pub(crate) fn body_digest(request: &HttpRequest) -> Result<Option<FileHash>, ApiError> {
    match (digest(request, REPR_DIGEST)?, digest(request, CONTENT_DIGEST)?) {
        (Some(file), Some(body)) if file != body => Err(bad(
            "Repr-Digest and Content-Digest differ, although the body is the file; send one of them",
        )),
        (file, body) => Ok(file.or(body)),
    }
}

/// Returns the hash of a file in a form.
pub(crate) fn form_digest(request: &HttpRequest) -> Result<Option<FileHash>, ApiError> {
    let Some(text) = single(request, EXPECTED)? else {
        return Ok(None);
    };
    let hash = text.parse();
    hash.map(Some)
        .map_err(|rule| bad(format!("X-Expected-Checksum-SHA256 {rule}")))
}

/// Returns what has to be at the path.
pub(crate) fn condition(request: &HttpRequest) -> Result<Condition, ApiError> {
    let field = |name: &HeaderName| single(request, name.as_str());
    match (field(&IF_MATCH)?, field(&IF_NONE_MATCH)?) {
        (None, None) => Ok(Condition::None),
        (None, Some("*")) => Ok(Condition::Absent),
        (Some(tag), None) => {
            // A weak tag never matches.
            let is_weak = tag.starts_with("W/");
            let opaque = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            match opaque.filter(|opaque| !opaque.contains('"')) {
                Some(opaque) => Ok(Condition::Version(opaque.to_owned())),
                None if is_weak => Err(AppError::from(UploadError::Condition).into()),
                None => Err(bad("If-Match must be one entity tag here, as stat shows it")),
            }
        }
        _ => Err(bad(
            "Send If-None-Match: * to create a file, or If-Match with one entity tag to replace it",
        )),
    }
}

/// Refuses bodies that are not the bytes of a file from its beginning to its end.
pub(crate) fn whole_body(request: &HttpRequest) -> Result<(), ApiError> {
    if request.headers().contains_key(CONTENT_RANGE) {
        // RFC 9110, section 14.5.
        return Err(bad(
            "A part of a file can't be put; send all of it, or use a resumable upload",
        ));
    }
    plain_body(request)
}

/// Refuses content codings.
pub(crate) fn plain_body(request: &HttpRequest) -> Result<(), ApiError> {
    match single(request, CONTENT_ENCODING.as_str())? {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => Err(ApiError::new(
            Code::UnsupportedMediaType,
            "The bytes of a file must be sent without a content coding",
        )),
        _ => Ok(()),
    }
}

/// Returns the bytes of a body.
pub(crate) fn bytes<E>(
    body: impl Stream<Item = Result<Bytes, E>>,
) -> impl Stream<Item = Result<Bytes, UploadError>> {
    body.map_err(|_| UploadError::Broken)
}

/// Does work that takes a body, and sends it the body. The work is waited for only so long after the body's end, if
/// `patience` is given: `None` if it goes on.
pub(crate) async fn with_body<T>(
    mut work: Pin<Box<impl Future<Output = Result<T, AppError>>>>,
    body: impl Stream<Item = Result<Bytes, UploadError>>,
    sender: BodySender,
    patience: Option<Duration>,
) -> Result<Option<T>, AppError> {
    tokio::select! {
        biased;
        done = &mut work => return done.map(Some),
        () = send(body, sender) => {}
    }
    match patience {
        None => work.await.map(Some),
        Some(patience) => timeout(patience, work).await.ok().transpose(),
    }
}

async fn send(body: impl Stream<Item = Result<Bytes, UploadError>>, mut sender: BodySender) {
    if !sender.wanted().await {
        return;
    }
    let mut body = pin!(body);
    let mut gathered = BytesMut::new();
    let failure = loop {
        let patience = if gathered.is_empty() {
            IDLE_DEADLINE
        } else {
            GATHER_TIME
        };
        match timeout(patience, body.next()).await {
            Ok(Some(Ok(bytes))) => {
                gathered.reserve(GATHERED_BYTES.saturating_sub(gathered.len()));
                gathered.extend_from_slice(&bytes);
                if gathered.len() < GATHERED_BYTES {
                    continue;
                }
            }
            Ok(Some(Err(error))) => break Some(error),
            Ok(None) => break None,
            Err(_) if gathered.is_empty() => break Some(UploadError::Stalled),
            Err(_) => {}
        }
        if !sender.send(gathered.split().freeze()).await {
            return;
        }
    };
    if !gathered.is_empty() && !sender.send(gathered.freeze()).await {
        return;
    }
    sender.end(failure).await;
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use rstest::rstest;

    use super::*;

    const EMPTY: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[rstest]
    #[case("sha-256=:EMPTY:", Some(true))]
    #[case("sha-512=:AAAA:, sha-256=:EMPTY:;q=1", Some(true))]
    #[case("sha-512=:AAAA:", Some(false))]
    #[case("", Some(false))]
    #[case("SHA-256 = :EMPTY:", Some(true))]
    #[case("sha-256=EMPTY", None)]
    #[case("sha-256", None)]
    #[case("sha-256=:EMPTY:, sha-512=:\u{e9}:", None)]
    #[case("sha-256=:AAAA:", None)]
    #[case("sha-256=:!:", None)]
    fn digests(#[case] field: &str, #[case] found: Option<bool>) {
        let field = field.replace("EMPTY", EMPTY);
        let request = TestRequest::default()
            .insert_header((REPR_DIGEST, field))
            .to_http_request();
        let hash = file_digest(&request);
        assert_eq!(hash.as_ref().ok().map(Option::is_some), found);
        if let Ok(Some(hash)) = hash {
            assert_eq!(digest_field(&hash), format!("sha-256=:{EMPTY}:"));
            assert!(hash.to_string().starts_with("e3b0c442"));
        }
    }

    #[rstest]
    #[case(&[], Some(Condition::None))]
    #[case(&[("if-none-match", "*")], Some(Condition::Absent))]
    #[case(&[("if-match", "\"a\"")], Some(Condition::Version("a".to_owned())))]
    #[case(&[("if-match", "W/\"a\"")], None)]
    #[case(&[("if-match", "*")], None)]
    #[case(&[("if-match", "\"a\", \"b\"")], None)]
    #[case(&[("if-none-match", "\"a\"")], None)]
    #[case(&[("if-match", "\"a\""), ("if-none-match", "*")], None)]
    fn conditions(#[case] fields: &[(&str, &str)], #[case] expected: Option<Condition>) {
        let mut request = TestRequest::default();
        for field in fields {
            request = request.insert_header(*field);
        }
        assert_eq!(condition(&request.to_http_request()).ok(), expected);
    }
}
